//! Sequences of training steps, of which a device may execute several without waiting.

use scn_data::Loader;

use super::Network;
use crate::error::NetError;
use crate::executor::{Done, EachBatch};
use crate::feed::{Feed, InputKind, StepInput};
use crate::finite::{check_activity, check_logits};
use crate::optimizer::Sgd;
use crate::report::StepReport;

impl Network {
    /// Trains on the first `steps` batches of an epoch of a loader, each with a step of the
    /// optimiser at this rate. Calls `each` with the report of every step, in order. On a GPU,
    /// steps follow each other without waiting, as in [`train`](crate::train()); their reports then
    /// have no times of layers.
    ///
    /// A step whose gradients are not finite shows in the losses. On the CPU, it changes no
    /// parameters.
    ///
    /// # Errors
    /// Returns an error if images or labels do not fit the network, if pixels or activations are
    /// not finite, or if the device fails.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::scn_data::{DatasetName, Loader, Normalization, open};
    /// use scn_net::{Network, Sgd, presets};
    /// # use std::{path::Path, sync::Arc};
    ///
    /// let config = presets::get("digits")?;
    /// let images = open(DatasetName::Digits, Path::new(""))?.train.first(320);
    /// let normalization = Normalization::fit(&images, config.input.normalization())?;
    /// let (images, normalization) = (Arc::new(images), Arc::new(normalization));
    /// let loader = Loader::training(images, normalization, config.augmentation(), 32, 0)?;
    ///
    /// let mut network = Network::new(&config.network, 0)?;
    /// let mut sgd = Sgd::new(&config.training);
    /// let mut losses = Vec::new();
    /// network.train_on(&loader, 0, 10, &mut sgd, 0.1, &mut |report| losses.push(report.loss))?;
    /// assert!(losses[9] < losses[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn train_on(
        &mut self,
        loader: &Loader,
        epoch: u64,
        steps: usize,
        optimizer: &mut Sgd,
        rate: f64,
        each: &mut dyn FnMut(&StepReport),
    ) -> Result<(), NetError> {
        let kind = self.hold(loader)?;
        for input in Feed::new(loader, kind, epoch, 0).take(steps) {
            if let Some(done) = self.train_step(&input, optimizer, rate)? {
                check_activity(&done.report.activity)?;
                each(&done.report);
            }
        }
        while let Some(done) = self.finish_training()? {
            check_activity(&done.report.activity)?;
            each(&done.report);
        }
        Ok(())
    }

    /// Runs inference on the first `batches` batches of epoch 0 of a loader. Calls `each` with the
    /// logits (classes × images), the labels and the activity of each sparse coding layer, in
    /// order. On a GPU, batches follow each other without waiting.
    ///
    /// # Errors
    /// Returns an error if images do not fit the network, or if pixels, activations or logits are
    /// not finite, with the number of the image in the loader. Also returns the errors of the
    /// device and of `each`.
    pub fn infer_on(
        &self,
        loader: &Loader,
        batches: usize,
        each: &mut EachBatch<'_>,
    ) -> Result<(), NetError> {
        self.check_image(loader.image_set().shape())?;
        let mut before = 0;
        let each: &mut EachBatch<'_> = &mut |logits, labels, activity| {
            let finite = check_activity(&activity).and_then(|()| check_logits(&logits));
            finite.map_err(|error| error.counted_from(before))?;
            before += labels.len();
            each(logits, labels, activity)
        };
        self.executor.infer_on(&self.steps, loader, batches, each)
    }

    /// Prepares the device for steps on a loader, and returns the kind of input that it takes. Must
    /// be called before the steps, which divide batches into groups according to the largest batch.
    pub(crate) fn hold(&mut self, loader: &Loader) -> Result<InputKind, NetError> {
        self.check_image(loader.image_set().shape())?;
        self.largest_batch = loader.batch_size();
        self.executor.hold(loader)
    }

    /// Takes a training step: computes gradients and, if they are finite, takes a step of the
    /// optimiser. Returns the result of the earliest step not yet returned. On a device that is a
    /// step before this one, and [`finish_training`](Self::finish_training) returns the last
    /// results.
    pub(crate) fn train_step(
        &mut self,
        input: &StepInput,
        optimizer: &mut Sgd,
        rate: f64,
    ) -> Result<Option<Done>, NetError> {
        let settings = self.pass_settings(input.images());
        let descent = optimizer.next_descent(rate);
        let (steps, state) = (&mut self.steps, optimizer.state_mut());
        self.executor.train(steps, input, settings, descent, state)
    }

    /// Waits for the earliest step whose result has not been returned. Returns None if there is
    /// none.
    pub(crate) fn finish_training(&mut self) -> Result<Option<Done>, NetError> {
        self.executor.finish()
    }
}
