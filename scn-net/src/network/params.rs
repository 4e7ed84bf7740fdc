//! Access to the parameters of a network.

use super::Network;
use crate::error::NetError;
use crate::layer::sparse_coding::{condition, problem};
use crate::optimizer::Arrays;
use crate::param::Param;
use crate::step::{Step, StepLayer};

impl Network {
    /// Returns the number of learned parameters.
    pub fn parameter_count(&self) -> usize {
        let params = self.steps.list().iter().flat_map(Step::params);
        params
            .filter(|(_, param)| param.learned())
            .map(|(_, param)| param.value.len())
            .sum()
    }

    /// Returns all arrays with their names in the model file, in forward order:
    /// `layer{h}.dictionary`, `norm{h}.mean`, `classifier.weight`, ... They include the gradients
    /// of the last step. They are fetched from the [device](Self::move_to) that trained them, if
    /// they have changed there since they were last read.
    ///
    /// # Errors
    /// Returns an error if the device fails, or if parameters or moments on it are not finite.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, presets};
    ///
    /// let network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let (names, params): (Vec<String>, Vec<_>) = network.params()?.unzip();
    /// assert_eq!(names[2..5], ["layer0.dictionary", "layer0.lambda1", "layer0.lambda2"]);
    /// assert_eq!(params[2].shape, [9, 8]); // windows of 3 x 3 pixels, eight atoms
    ///
    /// let learned = params.iter().filter(|param| param.learned());
    /// let count: usize = learned.map(|param| param.value.len()).sum();
    /// assert_eq!(count, network.parameter_count());
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn params(&self) -> Result<impl Iterator<Item = (String, &Param)>, NetError> {
        let params = self.steps.params(|params| self.executor.fetch(params))?;
        Ok(params.into_iter())
    }

    /// Returns an array by its name in [`params`](Self::params), or None if there is no such name.
    ///
    /// # Errors
    /// Same as [`params`](Self::params).
    pub fn param(&self, name: &str) -> Result<Option<&Param>, NetError> {
        let mut params = self.params()?;
        Ok(params.find(|(its, _)| its == name).map(|(_, param)| param))
    }

    /// Visits all arrays mutably. Call [`refresh`](Self::refresh) after a change of values.
    ///
    /// # Errors
    /// Same as [`params`](Self::params).
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Network, Shape, Tensor, presets};
    ///
    /// // With a lambda1 above all correlations, every code is zero.
    /// let mut network = Network::new(&presets::get("digits")?.network, 0)?;
    /// network.visit_params_mut(&mut |name, param| {
    ///     if name == "layer0.lambda1" {
    ///         param.value.fill(1000.0);
    ///     }
    /// })?;
    /// network.refresh()?;
    /// let shape = Shape { channels: 1, images: 1, height: 8, width: 8 };
    /// let codes = network.codes(Tensor::new(shape, vec![1.0; 64])?, 0)?;
    /// assert_eq!(codes, Tensor::zeros(Shape { channels: 8, ..shape }));
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
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

    /// Recomputes data derived from the parameters, such as Gram matrices, on the device of the
    /// network.
    ///
    /// # Errors
    /// Returns an error if a dictionary or a λ1 is not finite, or if the device fails.
    pub fn refresh(&mut self) -> Result<(), NetError> {
        self.fetch()?;
        self.executor.load(&mut self.steps)
    }

    /// Runs `work` on the network with other values in its arrays, and then restores its own,
    /// whatever `work` has done. The new values have the lengths of the arrays. Arrays that
    /// `values` does not name are not replaced.
    ///
    /// # Errors
    /// Same as [`refresh`](Self::refresh).
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

    /// Returns the values of all arrays.
    ///
    /// # Errors
    /// Same as [`params`](Self::params).
    pub(crate) fn values(&self) -> Result<Arrays, NetError> {
        let params = self.params()?;
        Ok(params
            .map(|(name, param)| (name, param.value.clone()))
            .collect())
    }

    /// Returns the condition number of `H = D'D + λ2 I` of each sparse coding layer.
    ///
    /// # Errors
    /// Same as [`params`](Self::params), and an error if a dictionary does not define a valid
    /// problem.
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

    /// Fetches parameters and gradients from the device that trained them.
    pub(crate) fn fetch(&mut self) -> Result<(), NetError> {
        self.steps.update(|params| self.executor.fetch(params))
    }

    /// Returns the name of the first custom layer, if there is one.
    pub(crate) fn custom_layer(&self) -> Option<&str> {
        self.steps.custom_layer()
    }
}
