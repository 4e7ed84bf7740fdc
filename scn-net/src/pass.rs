//! Forward and backward passes through the layers of a network, on any device.
//!
//! A device implements the execution of one layer. The order of layers, the maps kept for the
//! backward pass and the maps recomputed instead are the same on all devices.

use std::ops::Range;

use crate::error::NetError;

/// A device that executes forward passes, layer by layer.
pub(crate) trait Forward {
    /// Activations of a batch in the memory of the device. Clones share their memory.
    type Map: Clone;
    /// Statistics of the codes of a sparse coding layer.
    type Codes;

    /// Computes the output of the layer with index `layer`.
    fn forward(
        &mut self,
        layer: usize,
        input: Self::Map,
    ) -> Result<(Self::Map, Option<Self::Codes>), NetError>;

    /// Begins a pass through layers. The time of the next lap starts here.
    fn begin(&mut self) -> Result<(), NetError>;

    /// Ends a lap: the pass through one layer.
    fn end(&mut self, lap: Lap) -> Result<(), NetError>;
}

/// A device that also executes backward passes.
pub(crate) trait Backward: Forward {
    /// Statistics of the adjoint of a sparse coding layer.
    type Adjoint;

    /// Computes the gradients of a layer's parameters, and dLoss/dinput if `wanted`, from its
    /// input, its output and dLoss/doutput.
    fn backward(
        &mut self,
        layer: usize,
        activations: Activations<'_, Self::Map>,
        gradient: Self::Map,
        wanted: bool,
    ) -> Result<InputGradient<Self>, NetError>;

    /// Adds a second solve of the same codes to their statistics.
    fn solved_again(first: &mut Self::Codes, again: Self::Codes);
}

/// The gradient dLoss/dinput of a layer, if wanted, and the statistics of the adjoint of a sparse
/// coding layer.
pub(crate) type InputGradient<D> = (
    Option<<D as Forward>::Map>,
    Option<<D as Backward>::Adjoint>,
);

/// The statistics of the codes and of the adjoint of each sparse coding layer.
pub(crate) type Solved<D> = (Vec<<D as Forward>::Codes>, Vec<<D as Backward>::Adjoint>);

/// The input and the output of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activations<'a, M> {
    pub(crate) input: &'a M,
    pub(crate) output: &'a M,
}

/// The index of a layer and the direction of the pass through it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lap {
    Forward(usize),
    Backward(usize),
}

/// The result of a forward pass in training.
pub(crate) struct Trained<D: Forward> {
    pub(crate) logits: D::Map,
    /// The statistics of each sparse coding layer.
    pub(crate) codes: Vec<D::Codes>,
    segments: Vec<Segment<D::Map>>,
}

/// Consecutive layers and the activations for their backward pass.
struct Segment<M> {
    layers: Range<usize>,
    remembered: Remembered<M>,
}

enum Remembered<M> {
    /// The input of the first layer and the output of each layer.
    Maps(Vec<M>),
    /// The input of the first layer, from which the other maps are recomputed, and the number of
    /// sparse coding layers before it.
    Input(M, usize),
}

/// Runs inference through the first `layers` layers, keeping no activations.
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

/// Runs the forward pass through all layers in training. Keeps all maps of the last segment, which
/// the backward pass needs first, but only the inputs of the other segments.
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

/// Runs the backward pass from dLoss/dlogits to layer `first`, below which no layer learns. Returns
/// the statistics of the codes and of the adjoint of each sparse coding layer, in forward order.
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

/// Runs the forward pass through some layers in training, timed as `lap`. `maps` receives the input
/// of the first layer and the output of each layer.
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
