//! A parameter on the device.

use scn_gpu::{Buffer, Context, update};

use crate::NetError;
use crate::param::{Param, Role};
use crate::replica::Descent;

/// A parameter on the device, with its gradient and momentum.
#[derive(Debug)]
pub(crate) struct CudaParam {
    pub(super) value: Buffer<f32>,
    pub(super) gradient: Buffer<f32>,
    /// Absent before the first step.
    pub(super) velocity: Option<Buffer<f32>>,
    role: Role,
}

impl CudaParam {
    pub(crate) fn new(context: &Context, param: &Param) -> Result<Self, NetError> {
        Ok(Self {
            value: context.upload(&param.value)?,
            gradient: context.zeros(param.value.len())?,
            velocity: None,
            role: param.role,
        })
    }

    /// Whether the optimiser moves it.
    pub(super) fn learned(&self) -> bool {
        matches!(self.role, Role::Learned { .. })
    }

    /// A step with its gradient, if it is learned; `start` is its momentum where there is none here.
    pub(super) fn descend<'a>(
        &mut self,
        descent: Descent,
        start: impl FnOnce() -> Option<&'a Vec<f32>>,
    ) -> Result<(), NetError> {
        let Role::Learned { rate, nonnegative } = self.role else {
            return Ok(());
        };
        let Self {
            value,
            gradient,
            velocity,
            ..
        } = self;
        let context = value.context().clone();
        let mut moved = match (velocity.take(), start()) {
            (Some(here), _) => here,
            (None, Some(start)) => context.upload(start)?,
            (None, None) => context.zeros(value.len())?,
        };
        let step = update::Descent {
            rate: descent.rate * rate,
            momentum: descent.momentum,
            weight_decay: descent.weight_decay,
            nonnegative,
        };
        step.step(value, gradient, &mut moved)?;
        *velocity = Some(moved);
        Ok(())
    }
}
