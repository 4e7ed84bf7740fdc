//! Tables for kernels that work on all layers at once.

use crate::context::Context;
use crate::element::Element;
use crate::error::{ArgumentError, GpuError};
use crate::launch::argument::{Argument, Value};
use crate::launch::signature::Parameter;
use crate::memory::buffer::Buffer;
use crate::memory::view::View;
use crate::sizes::int;

/// A row of `N` integers for each layer, of which the first is the layer's first block. Kernels
/// take the others as places and sizes in `K` buffers, so the table knows how far each of these
/// must reach.
#[derive(Debug)]
pub(crate) struct LayerTable<const N: usize, const K: usize> {
    rows: Buffer<i32>,
    blocks: usize,
    ends: [usize; K],
}

/// The row of a layer.
pub(crate) struct LayerRow<const N: usize, const K: usize> {
    /// Blocks that it needs.
    pub(crate) blocks: usize,
    /// Places and sizes; the first is filled in.
    pub(crate) numbers: [usize; N],
    /// Where its part of each buffer ends.
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
                rows.push(int("a place in a buffer of all layers", number)?);
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

    /// The rows and their number, as arguments of a kernel.
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

/// A [`LayerTable`] as a kernel's argument.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a, const N: usize, const K: usize> {
    rows: View<'a, i32>,
    blocks: usize,
    ends: [usize; K],
}

/// The number of rows of a [`Table`] as a kernel's argument. It comes with the table, so it is
/// never that of another.
#[derive(Clone, Copy)]
pub(crate) struct LayerCount(i32);

impl<const N: usize, const K: usize> Table<'_, N, K> {
    /// Blocks of all layers.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// `Ok` if buffers of these lengths hold all that the rows name.
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
