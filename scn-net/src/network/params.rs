//! The parameters of a network, read and changed.

use super::Network;
use crate::error::NetError;
use crate::layer::sparse_coding::{condition, problem};
use crate::optimizer::Arrays;
use crate::param::Param;
use crate::step::{Step, StepLayer};

impl Network {
    /// Number of learned parameters.
    pub fn parameter_count(&self) -> usize {
        let params = self.steps.list().iter().flat_map(Step::params);
        params
            .filter(|(_, param)| param.learned())
            .map(|(_, param)| param.value.len())
            .sum()
    }

    /// All arrays in order of flow, by the names of the model file: `layer{h}.dictionary`,
    /// `norm{h}.mean`, `classifier.weight`, ...; with the gradients of the last step. They are
    /// fetched from the [device](Self::move_to) that has trained them, if they have changed there
    /// since they were last read.
    ///
    /// # Errors
    /// A device that fails; parameters or moments that are not finite there.
    pub fn params(&self) -> Result<impl Iterator<Item = (String, &Param)>, NetError> {
        let params = self.steps.params(|params| self.executor.fetch(params))?;
        Ok(params.into_iter())
    }

    /// An array by its name, as [`params`](Self::params) has it; None if there is none of this
    /// name.
    ///
    /// # Errors
    /// As [`params`](Self::params).
    pub fn param(&self, name: &str) -> Result<Option<&Param>, NetError> {
        let mut params = self.params()?;
        Ok(params.find(|(its, _)| its == name).map(|(_, param)| param))
    }

    /// Visits all arrays to change them; [`refresh`](Self::refresh) must follow a change of values.
    ///
    /// # Errors
    /// As [`params`](Self::params).
    pub fn visit_params_mut(
        &mut self,
        visit: &mut dyn FnMut(&str, &mut Param),
    ) -> Result<(), NetError> {
        self.fetch()?;
        for step in self.steps.list_mut() {
            let names: Vec<String> = step.params().map(|(name, _)| name).collect();
            for (name, param) in names.iter().zip(step.params_mut()) {
                visit(name, param);
            }
        }
        Ok(())
    }

    /// Derives anew what depends on the parameters, where the network computes: the Gram matrix of
    /// each layer, for example.
    ///
    /// # Errors
    /// A dictionary or a λ1 that is not finite; a device that fails.
    pub fn refresh(&mut self) -> Result<(), NetError> {
        self.fetch()?;
        self.executor.load(&mut self.steps)
    }

    /// Lets `work` have the network with other values of its arrays, each as long as its own, and
    /// gives it back its own, whatever `work` has done with it. Arrays that are not named stay as
    /// they are.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub(crate) fn with_values<R>(
        &mut self,
        values: &Arrays,
        work: impl FnOnce(&mut Self) -> R,
    ) -> Result<R, NetError> {
        let mut own = Arrays::new();
        self.visit_params_mut(&mut |name, param| {
            let other = values.get(name).unwrap_or(&param.value).clone();
            own.insert(name.to_string(), std::mem::replace(&mut param.value, other));
        })?;
        let done = self.refresh().map(|()| work(self));
        self.visit_params_mut(&mut |name, param| {
            if let Some(value) = own.remove(name) {
                param.value = value;
            }
        })?;
        self.refresh()?;
        done
    }

    /// The values of all arrays.
    ///
    /// # Errors
    /// As [`params`](Self::params).
    pub(crate) fn values(&self) -> Result<Arrays, NetError> {
        let params = self.params()?;
        Ok(params
            .map(|(name, param)| (name, param.value.clone()))
            .collect())
    }

    /// Condition number of `H = D'D + λ2 I` of each sparse coding layer.
    ///
    /// # Errors
    /// As [`params`](Self::params); a dictionary that poses no problem.
    pub fn conditions(&self) -> Result<Vec<f64>, NetError> {
        let mut params = self.params()?.map(|(_, param)| param);
        let mut conditions = Vec::new();
        for step in self.steps.list() {
            let own: Vec<&Param> = params.by_ref().take(step.params().count()).collect();
            if let (StepLayer::SparseCoding(_), &[dictionary, lambda1, lambda2]) =
                (&step.layer, own.as_slice())
            {
                let problem = problem([dictionary, lambda1, lambda2]);
                let problem = problem.map_err(|source| NetError::Problem {
                    layer: step.name.clone(),
                    source,
                })?;
                conditions.extend(condition(&problem));
            }
        }
        Ok(conditions)
    }

    /// Brings parameters and gradients from the device that has trained them.
    pub(crate) fn fetch(&mut self) -> Result<(), NetError> {
        self.steps.update(|params| self.executor.fetch(params))
    }

    /// The name of the first custom layer, if there is one.
    pub(crate) fn custom_layer(&self) -> Option<&str> {
        self.steps.custom_layer()
    }
}
