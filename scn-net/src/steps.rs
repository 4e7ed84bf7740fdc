//! The steps of a network, whose parameters may be trained on a device.

use std::sync::OnceLock;

use crate::error::NetError;
use crate::param::{Param, Role};
use crate::step::{Step, StepLayer};

/// The steps of a network in forward order.
///
/// A device may train its own copy of the parameters, which leaves the values in the steps out of
/// date. Values are fetched when they are read, and kept until training changes them again.
#[derive(Debug)]
pub(crate) struct Steps {
    list: Vec<Step>,
    /// Whether the values in `list` are older than those on the device.
    outdated: bool,
    /// The values on the device, once they have been read, in the order of [`Step::params`].
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

    /// Returns the steps. The values of their parameters are up to date only on the CPU.
    pub(crate) fn list(&self) -> &[Step] {
        &self.list
    }

    /// Returns the steps as a mutable slice.
    pub(crate) fn list_mut(&mut self) -> &mut [Step] {
        &mut self.list
    }

    /// Inserts a step before the one at `index`.
    pub(crate) fn insert(&mut self, index: usize, step: Step) {
        self.list.insert(index, step);
    }

    /// Records that a device is about to change its own copy of parameters or gradients.
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "the CPU trains the parameters in place")
    )]
    pub(crate) fn trained_elsewhere(&mut self) {
        self.outdated = true;
        self.fetched.take();
    }

    /// Returns the names of the steps.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|step| step.name.as_str())
    }

    /// Returns all arrays with their names in the model file. `fetch` brings them up to date if
    /// they are trained elsewhere.
    ///
    /// # Errors
    /// Returns the error of `fetch`, or an error if numbers from the device are not finite.
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
            // Another thread may have stored the same values first.
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
    /// Same as [`params`](Self::params).
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

    /// Returns the name of the first custom layer, if there is one.
    pub(crate) fn custom_layer(&self) -> Option<&str> {
        let custom = |step: &&Step| matches!(step.layer, StepLayer::Custom(_));
        self.list.iter().find(custom).map(|step| step.name.as_str())
    }
}

/// Checks that all values are finite. A device may have changed them without reporting that they
/// are not.
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
