//! There and back through the layers of a network, and what is remembered on the way.

use std::ops::Range;

use crate::stopwatch::Stopwatch;

use crate::NetError;
use crate::config::Recompute;
use crate::layer::{Activity, AdjointActivity, Saved};
use crate::network::{LayerTimes, Named, Network, check_moments};
use crate::tensor::Tensor;

/// A forward pass in training.
pub(crate) struct Forward {
    pub(crate) logits: Tensor,
    /// Of each sparse coding layer.
    pub(crate) activity: Vec<Activity>,
    segments: Vec<Segment>,
}

/// Layers that follow each other, and what the way back needs of them.
struct Segment {
    layers: Range<usize>,
    remembered: Remembered,
}

enum Remembered {
    /// What each layer has saved.
    All(Vec<Saved>),
    /// What the first was given, from which the rest comes again; and the number of sparse coding layers before it.
    Input(Tensor, usize),
}

impl Network {
    /// Through all layers. Batch normalisations take note of it; nothing else changes.
    pub(crate) fn forward(
        &mut self,
        images: Tensor,
        times: &mut [LayerTimes],
    ) -> Result<Forward, NetError> {
        let mut x = images;
        let mut activity = Vec::new();
        let mut segments = Vec::new();
        let ranges = self.segments();
        for (index, layers) in ranges.iter().enumerate() {
            // The last is due at once.
            let forget = index + 1 < ranges.len();
            let input = forget.then(|| Remembered::Input(x.clone(), activity.len()));
            let (y, saved, done) = self.through(layers.clone(), x, times, false)?;
            for (Named { layer, .. }, saved) in self.layers[layers.clone()].iter_mut().zip(&saved) {
                saved
                    .moments()
                    .into_iter()
                    .for_each(|moments| layer.record(moments));
            }
            segments.push(Segment {
                layers: layers.clone(),
                remembered: input.unwrap_or(Remembered::All(saved)),
            });
            activity.extend(done);
            x = y;
        }
        Ok(Forward {
            logits: x,
            activity,
            segments,
        })
    }

    /// Back from dLoss/dlogits, adding to the gradients of the parameters. Returns what each sparse coding layer did there, and here.
    pub(crate) fn backward(
        &mut self,
        forward: Forward,
        gradient: Tensor,
        times: &mut [LayerTimes],
    ) -> Result<(Vec<Activity>, Vec<AdjointActivity>), NetError> {
        let Forward {
            mut activity,
            segments,
            ..
        } = forward;
        let mut gradient = gradient;
        let mut adjoint = Vec::new();
        for Segment { layers, remembered } in segments.into_iter().rev() {
            let saved = match remembered {
                Remembered::All(saved) => saved,
                Remembered::Input(input, first) => {
                    let (_, saved, again) = self.through(layers.clone(), input, times, true)?;
                    for (activity, again) in activity[first..].iter_mut().zip(again) {
                        activity.times += again.times;
                    }
                    saved
                }
            };
            let mut watch = Stopwatch::start(self.timed);
            for (index, saved) in layers.zip(saved).rev() {
                let (dx, done) = self.layers[index].layer.backward(saved, gradient)?;
                adjoint.extend(done);
                gradient = dx;
                watch.lap(&mut times[index].backward);
            }
        }
        adjoint.reverse();
        Ok((activity, adjoint))
    }

    /// Through some layers, for the first time or again on the way back: what comes out, what each has saved, and what sparse coding layers did.
    fn through(
        &self,
        layers: Range<usize>,
        x: Tensor,
        times: &mut [LayerTimes],
        again: bool,
    ) -> Result<(Tensor, Vec<Saved>, Vec<Activity>), NetError> {
        let mut x = x;
        let mut all_saved = Vec::with_capacity(layers.len());
        let mut activity = Vec::new();
        let mut watch = Stopwatch::start(self.timed);
        let groups = self.groups(x.shape().images);
        for index in layers {
            let Named { name, layer } = &self.layers[index];
            let (y, saved, done) = layer.forward(x, groups)?;
            check_moments(name, saved.moments().unwrap_or_default())?;
            all_saved.push(saved);
            activity.extend(done);
            x = y;
            let LayerTimes {
                forward, backward, ..
            } = &mut times[index];
            watch.lap(if again { backward } else { forward });
        }
        Ok((x, all_saved, activity))
    }

    /// The layers in parts, of which only the inputs are remembered: all in one, or a new part for every second sparse coding layer,
    /// beginning where inputs are smaller.
    fn segments(&self) -> Vec<Range<usize>> {
        let count = self.layers.len();
        if self.recompute == Recompute::Nothing {
            return std::iter::once(0..count).collect();
        }
        let inputs = self.config().input_numbers();
        let kept = |first: usize| inputs.iter().skip(first).step_by(2).sum::<usize>();
        let first = if kept(2) < kept(1) { 2 } else { 1 };
        // With every sparse coding layer goes a batch normalisation, before or after it.
        let cuts = (first..inputs.len()).step_by(2).map(|layer| 2 * layer);
        let cuts: Vec<usize> = std::iter::once(0).chain(cuts).chain([count]).collect();
        cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }
}
