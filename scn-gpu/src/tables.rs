//! Tables for kernels that work on all layers at once.

use crate::buffer::View;
use crate::launch::{Argument, Parameter, Value};
use crate::windows::int;
use crate::{ArgumentError, Buffer, Context, Element, GpuError};

/// A row of `N` integers for each layer, of which the first is the layer's first block. Kernels take the others as places and sizes in
/// `K` buffers, so the table knows how far each of these must reach.
#[derive(Debug)]
pub(crate) struct LayerTable<const N: usize, const K: usize> {
    rows: Buffer<i32>,
    blocks: usize,
    ends: [usize; K],
}

/// What a layer does in a kernel.
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

    /// Number of layers, as kernels take it.
    pub(crate) fn layers(&self) -> Result<i32, ArgumentError> {
        int("the number of layers", self.rows.len() / N)
    }

    /// As a kernel's argument.
    pub(crate) fn argument(&self) -> Table<'_, N> {
        Table {
            rows: self.rows.view(),
            blocks: self.blocks,
            ends: &self.ends,
        }
    }
}

/// A [`LayerTable`] as a kernel's argument.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a, const N: usize> {
    rows: View<'a, i32>,
    blocks: usize,
    ends: &'a [usize],
}

impl<const N: usize> Table<'_, N> {
    /// Blocks of all layers.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// `Ok` if there are so many layers, and buffers of these lengths hold all that the rows name.
    pub(crate) fn check<const K: usize>(
        &self,
        layers: i32,
        lengths: [usize; K],
    ) -> Result<(), ArgumentError> {
        let wrong = |what, expected, found| {
            Err(ArgumentError::Length {
                what,
                expected,
                found,
            })
        };
        let count = self.rows.len() / N;
        if usize::try_from(layers) != Ok(count) {
            return wrong("the table of layers", count, layers.unsigned_abs() as usize);
        }
        if self.ends.len() != K {
            return wrong("the buffers of a table", self.ends.len(), K);
        }
        match self
            .ends
            .iter()
            .zip(lengths)
            .find(|&(&end, found)| found < end)
        {
            Some((&end, found)) => wrong("a buffer of all layers", end, found),
            None => Ok(()),
        }
    }
}

impl<const N: usize> Argument for Table<'_, N> {
    const PARAMETER: Parameter = Parameter::Input(i32::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        self.rows.value(name, context)
    }
}
