//! The steps of a network, and the values of their parameters wherever these are trained.

use std::sync::OnceLock;

use crate::error::NetError;
use crate::param::{Param, Role};
use crate::step::{Step, StepLayer};

/// The steps of a network in order of flow.
///
/// A device may train a copy of the parameters. What the steps hold is then out of date until
/// somebody reads it: the values are fetched when they are asked for, and kept until training moves
/// them again.
#[derive(Debug)]
pub(crate) struct Steps {
    list: Vec<Step>,
    /// Whether the values in `list` are older than those on the device.
    outdated: bool,
    /// The values on the device, once they have been read; in the order of [`Step::params`].
    fetched: OnceLock<Vec<Param>>,
}

impl Steps {
    pub(crate) fn new(list: Vec<Step>) -> Self {
        Self {
            list,
            outdated: false,
            fetched: OnceLock::new(),
        }
    }

    /// The steps. The values of their parameters are current on this machine's processor alone.
    pub(crate) fn list(&self) -> &[Step] {
        &self.list
    }

    /// The steps, to be changed.
    pub(crate) fn list_mut(&mut self) -> &mut [Step] {
        &mut self.list
    }

    /// Places a step before that of this index.
    pub(crate) fn insert(&mut self, index: usize, step: Step) {
        self.list.insert(index, step);
    }

    /// Takes note that a device is about to change parameters or gradients of its own.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the processor trains the parameters in place")
    )]
    pub(crate) fn trained_elsewhere(&mut self) {
        self.outdated = true;
        self.fetched.take();
    }

    /// The names of the steps.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|step| step.name.as_str())
    }

    /// All arrays with their names in the model file, which `fetch` brings up to date if they are
    /// trained elsewhere.
    ///
    /// # Errors
    /// Those of `fetch`; numbers from the device that are not finite.
    pub(crate) fn params(
        &self,
        fetch: impl FnOnce(&mut [&mut Param]) -> Result<(), NetError>,
    ) -> Result<Vec<(String, &Param)>, NetError> {
        let here: Vec<_> = self.list.iter().flat_map(Step::params).collect();
        if !self.outdated {
            return Ok(here);
        }
        if self.fetched.get().is_none() {
            let mut params: Vec<Param> = here.iter().map(|(_, param)| (*param).clone()).collect();
            fetch(&mut params.iter_mut().collect::<Vec<_>>())?;
            for ((name, _), param) in here.iter().zip(&params) {
                check_finite(name, param)?;
            }
            // Another thread may have been first, with the same values.
            let _ = self.fetched.set(params);
        }
        let names = here.into_iter().map(|(name, _)| name);
        Ok(names
            .zip(self.fetched.get().into_iter().flatten())
            .collect())
    }

    /// Brings the arrays in the steps up to date.
    ///
    /// # Errors
    /// Those of [`params`](Self::params).
    pub(crate) fn update(
        &mut self,
        fetch: impl FnOnce(&mut [&mut Param]) -> Result<(), NetError>,
    ) -> Result<(), NetError> {
        if !self.outdated {
            return Ok(());
        }
        self.params(fetch)?;
        let params = self.list.iter_mut().flat_map(Step::params_mut);
        for (param, fetched) in params.zip(self.fetched.take().into_iter().flatten()) {
            *param = fetched;
        }
        self.outdated = false;
        Ok(())
    }

    /// The name of the first custom layer, if there is one.
    pub(crate) fn custom_layer(&self) -> Option<&str> {
        let custom = |step: &&Step| matches!(step.layer, StepLayer::Custom(_));
        self.list.iter().find(custom).map(|step| step.name.as_str())
    }
}

/// `Ok` if all values are finite, after a device has moved them without saying so.
fn check_finite(name: &str, param: &Param) -> Result<(), NetError> {
    if param.value.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let layer = name.split('.').next().unwrap_or(name);
    Err(NetError::Overflow {
        image: None,
        what: match param.role {
            Role::Statistic => format!("the moments of {layer}"),
            _ => format!("the values of {name}"),
        },
    })
}
