//! Tables for kernels that process all layers at once.

use crate::context::Context;
use crate::element::Element;
use crate::error::{ArgumentError, GpuError};
use crate::launch::argument::{Argument, Value};
use crate::launch::signature::Parameter;
use crate::memory::buffer::Buffer;
use crate::memory::view::View;
use crate::sizes::int;

/// A table with a row of `N` integers per layer. The first is the layer's first block. Kernels use
/// the others as positions and sizes in `K` buffers, so the table also stores how long each of
/// these must be.
#[derive(Debug)]
pub(crate) struct LayerTable<const N: usize, const K: usize> {
    rows: Buffer<i32>,
    blocks: usize,
    ends: [usize; K],
}

/// The row of a layer in a [`LayerTable`].
pub(crate) struct LayerRow<const N: usize, const K: usize> {
    /// Number of blocks for the layer.
    pub(crate) blocks: usize,
    /// Positions and sizes. The table fills in the first entry.
    pub(crate) numbers: [usize; N],
    /// End of the layer's part of each buffer.
    pub(crate) ends: [usize; K],
}

impl<const N: usize, const K: usize> LayerTable<N, K> {
    /// Uploads the rows.
    pub(crate) fn new(context: &Context, layers: &[LayerRow<N, K>]) -> Result<Self, GpuError> {
        let mut rows = Vec::with_capacity(N * layers.len());
        let (mut blocks, mut ends) = (0, [0; K]);
        for layer in layers {
            rows.push(int("the number of blocks", blocks)?);
            for &number in &layer.numbers[1..] {
                rows.push(int("a position in a buffer of all layers", number)?);
            }
            blocks += layer.blocks;
            for (end, of_layer) in ends.iter_mut().zip(layer.ends) {
                *end = of_layer.max(*end);
            }
        }
        Ok(Self {
            rows: context.upload(&rows)?,
            blocks,
            ends,
        })
    }

    /// Returns the rows and their number as kernel arguments.
    pub(crate) fn arguments(&self) -> Result<(Table<'_, N, K>, LayerCount), ArgumentError> {
        let table = Table {
            rows: self.rows.view(),
            blocks: self.blocks,
            ends: self.ends,
        };
        let layers = int("the number of layers", self.rows.len() / N)?;
        Ok((table, LayerCount(layers)))
    }
}

/// A [`LayerTable`] as a kernel argument.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a, const N: usize, const K: usize> {
    rows: View<'a, i32>,
    blocks: usize,
    ends: [usize; K],
}

/// The number of rows of a [`Table`] as a kernel argument. It is created together with the table,
/// so the two always match.
#[derive(Clone, Copy)]
pub(crate) struct LayerCount(i32);

impl<const N: usize, const K: usize> Table<'_, N, K> {
    /// Number of blocks for all layers.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Checks that buffers of these lengths contain everything that the rows refer to.
    pub(crate) fn check(&self, lengths: [usize; K]) -> Result<(), ArgumentError> {
        let mut pairs = self.ends.iter().zip(lengths);
        match pairs.find(|&(&end, found)| found < end) {
            Some((&expected, found)) => Err(ArgumentError::Length {
                what: "a buffer of all layers",
                expected,
                found,
            }),
            None => Ok(()),
        }
    }
}

impl<const N: usize, const K: usize> Argument for Table<'_, N, K> {
    const PARAMETER: Parameter = Parameter::Input(i32::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        self.rows.value(name, context)
    }
}

impl Argument for LayerCount {
    const PARAMETER: Parameter = Parameter::Int;

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        self.0.value(name, context)
    }
}
