//! Steps of training one after the other, which may be on their way on a device.

use scn_data::Loader;

use super::Network;
use crate::error::NetError;
use crate::executor::{Done, EachBatch};
use crate::feed::{Fed, Feed, Food};
use crate::finite::{check_activity, check_logits};
use crate::optimizer::Sgd;
use crate::report::StepReport;

impl Network {
    /// Trains on the first `steps` batches of an epoch of a loader, each a step of the optimiser at
    /// this rate, and hands over what each has come to, in order. On a graphics processor the steps
    /// follow each other without waiting, as in [`train`](crate::train()). Their reports then say
    /// nothing of the times of layers.
    ///
    /// A step whose gradients are not finite shows in the losses; on this machine's processor it
    /// moves nothing.
    ///
    /// # Errors
    /// Images or labels that do not fit the network; pixels or activations that are not finite; a
    /// device that fails.
    pub fn train_on(
        &mut self,
        loader: &Loader,
        epoch: u64,
        steps: usize,
        optimizer: &mut Sgd,
        rate: f64,
        each: &mut dyn FnMut(&StepReport),
    ) -> Result<(), NetError> {
        let food = self.hold(loader)?;
        for fed in Feed::new(loader, food, epoch, 0).take(steps) {
            if let Some(done) = self.train_step(&fed, optimizer, rate)? {
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

    /// Infers the first `batches` batches of epoch 0 of a loader, and hands over logits (classes ×
    /// images), labels and what each sparse coding layer did, in order. On a graphics processor the
    /// batches follow each other without waiting.
    ///
    /// # Errors
    /// Images that do not fit the network; pixels, activations or logits that are not finite, with
    /// the number of the image in the loader; a device that fails; the errors of `each`.
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

    /// What steps are to be fed with, by the device that the network is on. Comes before the steps, which divide batches into groups as
    /// the largest is.
    pub(crate) fn hold(&mut self, loader: &Loader) -> Result<Food, NetError> {
        self.check_image(loader.image_set().shape())?;
        self.largest_batch = loader.batch_size();
        self.executor.hold(loader)
    }

    /// A whole step: gradients, and a step of the optimiser unless they are not finite. Returns the
    /// result of the earliest step that was not returned yet; on a device that is an earlier one
    /// than this, and [`finish_training`](Self::finish_training) has the last.
    pub(crate) fn train_step(
        &mut self,
        fed: &Fed,
        optimizer: &mut Sgd,
        rate: f64,
    ) -> Result<Option<Done>, NetError> {
        let settings = self.pass_settings(fed.images());
        let descent = optimizer.next_descent(rate);
        let (steps, state) = (&mut self.steps, optimizer.state_mut());
        self.executor.train(steps, fed, settings, descent, state)
    }

    /// Waits for the earliest step that was not returned yet; None if there is none.
    pub(crate) fn finish_training(&mut self) -> Result<Option<Done>, NetError> {
        self.executor.finish()
    }
}
