//! Forward and backward through the layers of a network, on any device, and what is remembered in
//! between.
//!
//! A device supplies how one layer is executed; the order of layers, the maps that are kept for the
//! backward pass and what is computed again instead are the same everywhere.

use std::ops::Range;

use crate::error::NetError;

/// A device that takes a batch forward, layer by layer.
pub(crate) trait Forward {
    /// Activations of a batch where the device keeps them. Clones share their memory.
    type Map: Clone;
    /// What is known of the codes of a sparse coding layer.
    type Codes;

    /// The output of a layer, by its index.
    fn forward(
        &mut self,
        layer: usize,
        input: Self::Map,
    ) -> Result<(Self::Map, Option<Self::Codes>), NetError>;

    /// A pass through layers begins: the next lap is timed from here.
    fn begin(&mut self) -> Result<(), NetError>;

    /// A layer is done.
    fn end(&mut self, lap: Lap) -> Result<(), NetError>;
}

/// A device that takes a gradient backward, too.
pub(crate) trait Backward: Forward {
    /// What is known of the adjoint of a sparse coding layer.
    type Adjoint;

    /// Given the input, the output and dLoss/doutput of a layer: the gradients of its parameters,
    /// and dLoss/dinput if `wanted`.
    fn backward(
        &mut self,
        layer: usize,
        activations: Activations<'_, Self::Map>,
        gradient: Self::Map,
        wanted: bool,
    ) -> Result<InputGradient<Self>, NetError>;

    /// Adds to what is known of codes that they have been solved a second time.
    fn solved_again(first: &mut Self::Codes, again: Self::Codes);
}

/// dLoss/dinput of a layer, if it was wanted; and what is known of the adjoint of a sparse coding
/// layer.
pub(crate) type InputGradient<D> = (
    Option<<D as Forward>::Map>,
    Option<<D as Backward>::Adjoint>,
);

/// What is known of the codes of each sparse coding layer, and of their adjoint.
pub(crate) type Solved<D> = (Vec<<D as Forward>::Codes>, Vec<<D as Backward>::Adjoint>);

/// Input and output of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activations<'a, M> {
    pub(crate) input: &'a M,
    pub(crate) output: &'a M,
}

/// A layer by its index, in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lap {
    Forward(usize),
    Backward(usize),
}

/// A forward pass in training.
pub(crate) struct Trained<D: Forward> {
    pub(crate) logits: D::Map,
    /// Of each sparse coding layer.
    pub(crate) codes: Vec<D::Codes>,
    segments: Vec<Segment<D::Map>>,
}

/// Layers that follow each other, and what their backward pass needs.
struct Segment<M> {
    layers: Range<usize>,
    remembered: Remembered<M>,
}

enum Remembered<M> {
    /// The input of the first layer and the output of each.
    Maps(Vec<M>),
    /// The input of the first layer, from which the rest is computed again; and the number of
    /// sparse coding layers before it.
    Input(M, usize),
}

/// Through the first `layers` layers in inference; nothing is remembered.
pub(crate) fn infer<D: Forward>(
    device: &mut D,
    layers: usize,
    images: D::Map,
) -> Result<(D::Map, Vec<D::Codes>), NetError> {
    let (mut x, mut codes) = (images, Vec::new());
    device.begin()?;
    for layer in 0..layers {
        let (y, solved) = device.forward(layer, x)?;
        codes.extend(solved);
        x = y;
        device.end(Lap::Forward(layer))?;
    }
    Ok((x, codes))
}

/// Through all layers in training. Of each segment but the last, which is due at once, the input
/// alone is remembered.
pub(crate) fn forward<D: Forward>(
    device: &mut D,
    segments: &[Range<usize>],
    images: D::Map,
) -> Result<Trained<D>, NetError> {
    let (mut x, mut codes, mut remembered) = (images, Vec::new(), Vec::new());
    for (index, layers) in segments.iter().enumerate() {
        let segment = if index + 1 < segments.len() {
            let input = Remembered::Input(x.clone(), codes.len());
            let (y, solved) = through(device, layers.clone(), x, None, Lap::Forward)?;
            codes.extend(solved);
            x = y;
            input
        } else {
            let mut maps = Vec::with_capacity(layers.len() + 1);
            let (y, solved) = through(device, layers.clone(), x, Some(&mut maps), Lap::Forward)?;
            codes.extend(solved);
            x = y;
            Remembered::Maps(maps)
        };
        remembered.push(Segment {
            layers: layers.clone(),
            remembered: segment,
        });
    }
    Ok(Trained {
        logits: x,
        codes,
        segments: remembered,
    })
}

/// Back from dLoss/dlogits to layer `first`, below which no layer learns. Returns what is known of
/// the codes of each sparse coding layer and of their adjoint, in order of flow.
pub(crate) fn backward<D: Backward>(
    device: &mut D,
    trained: Trained<D>,
    gradient: D::Map,
    first: usize,
) -> Result<Solved<D>, NetError> {
    let Trained {
        mut codes,
        segments,
        ..
    } = trained;
    let (mut gradient, mut adjoint) = (Some(gradient), Vec::new());
    for Segment { layers, remembered } in segments.into_iter().rev() {
        if layers.end <= first {
            break;
        }
        let mut maps = match remembered {
            Remembered::Maps(maps) => maps,
            Remembered::Input(input, before) => {
                let mut maps = Vec::with_capacity(layers.len() + 1);
                let layers = layers.clone();
                let (_, again) = through(device, layers, input, Some(&mut maps), Lap::Backward)?;
                for (codes, again) in codes[before..].iter_mut().zip(again) {
                    D::solved_again(codes, again);
                }
                maps
            }
        };
        device.begin()?;
        for layer in layers.rev().take_while(|&layer| layer >= first) {
            let (Some(output), Some(input), Some(dy)) = (maps.pop(), maps.last(), gradient.take())
            else {
                break;
            };
            let activations = Activations {
                input,
                output: &output,
            };
            let (dx, solved) = device.backward(layer, activations, dy, layer > first)?;
            gradient = dx;
            adjoint.extend(solved);
            device.end(Lap::Backward(layer))?;
        }
    }
    adjoint.reverse();
    Ok((codes, adjoint))
}

/// Through some layers in training, which are timed as `lap` says. `maps` takes the input of the
/// first and the output of each.
fn through<D: Forward>(
    device: &mut D,
    layers: Range<usize>,
    input: D::Map,
    mut maps: Option<&mut Vec<D::Map>>,
    lap: fn(usize) -> Lap,
) -> Result<(D::Map, Vec<D::Codes>), NetError> {
    let (mut x, mut codes) = (input, Vec::new());
    device.begin()?;
    for layer in layers {
        if let Some(maps) = &mut maps {
            maps.push(x.clone());
        }
        let (y, solved) = device.forward(layer, x)?;
        codes.extend(solved);
        x = y;
        device.end(lap(layer))?;
    }
    if let Some(maps) = maps {
        maps.push(x.clone());
    }
    Ok((x, codes))
}
