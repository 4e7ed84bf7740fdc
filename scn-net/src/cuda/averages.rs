//! The averages of a network's arrays over the steps, on a device.

use scn_gpu::Buffer;
use scn_gpu::update::{Arrays as DeviceArrays, DescentSettings, follow_average};

use super::layers::Location;
use super::weights::Weights;
use crate::error::NetError;
use crate::optimizer::Arrays;

/// The averages of all arrays of a network, at the places that the arrays have in [`Weights`].
#[derive(Debug)]
pub(super) struct Averages {
    parameters: DeviceArrays,
    running: Buffer<f32>,
}

impl Averages {
    /// Loads the averages in `start`. Others start from zero if the weight of the next step is 1,
    /// so that it overwrites them exactly, and otherwise from the current values of the network.
    pub(super) fn new(
        weights: &Weights,
        arrays: &[(Location, String)],
        start: &Arrays,
        weight: f32,
    ) -> Result<Self, NetError> {
        let Weights {
            parameters,
            running,
            ..
        } = weights;
        let mut averages = Self {
            parameters: parameters.more_arrays()?,
            running: running.context().zeros(running.len())?,
        };
        for (location, name) in arrays {
            let own;
            let values = match start.get(name) {
                Some(values) => values,
                None if weight == 1.0 => continue,
                None => {
                    own = match location {
                        Location::Parameter(index) => parameters.values.get(*index)?.download()?,
                        Location::Moments(range) => running.range(range.clone())?.download()?,
                    };
                    &own
                }
            };
            match location {
                Location::Parameter(index) => {
                    averages.parameters.get_mut(*index)?.write(values)?;
                }
                Location::Moments(range) => {
                    averages.running.range_mut(range.clone())?.write(values)?;
                }
            }
        }
        Ok(averages)
    }

    /// Moves the averages towards the arrays.
    pub(super) fn ask(
        &mut self,
        weights: &Weights,
        settings: &DescentSettings,
    ) -> Result<(), NetError> {
        let values = weights.parameters.values.all();
        follow_average(settings, values, self.parameters.all_mut())?;
        let running = weights.running.view();
        Ok(follow_average(settings, running, self.running.view_mut())?)
    }

    /// Fetches the averages, by the names of the arrays.
    pub(super) fn fetch(&self, arrays: &[(Location, String)]) -> Result<Arrays, NetError> {
        let arrays = arrays.iter().map(|(location, name)| {
            let values = match location {
                Location::Parameter(index) => self.parameters.get(*index)?.download()?,
                Location::Moments(range) => self.running.range(range.clone())?.download()?,
            };
            Ok((name.clone(), values))
        });
        arrays.collect()
    }
}
