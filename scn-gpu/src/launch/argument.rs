//! Kernel arguments in the form that the driver takes.

#![expect(
    unsafe_code,
    reason = "declares that a struct can be copied to the device"
)]

use std::sync::Arc;

use cudarc::driver::DeviceRepr;

use crate::context::Context;
use crate::element::Element;
use crate::error::{ArgumentError, GpuError};
use crate::launch::signature::Parameter;
use crate::memory::view::{View, ViewMut};
use crate::queue::pool::Memory;
use crate::windows::Windows;

/// An argument in the form that the driver takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// An address, and the memory that it points to.
    Pointer {
        address: u64,
        memory: Option<&'a Arc<Memory>>,
    },
    Int(i32),
    Float(f32),
    Windows(WindowsArgument),
}

/// [`Windows`] in the form that the driver copies.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct WindowsArgument(Windows);

// SAFETY: eight ints in C's order, without padding. Tests compare them with the struct of the
// device code.
unsafe impl DeviceRepr for WindowsArgument {}

impl<'a> Value<'a> {
    /// Returns the memory that a graph with this argument must keep.
    pub(super) fn memory(&self) -> Option<&'a Arc<Memory>> {
        match *self {
            Self::Pointer { memory, .. } => memory,
            _ => None,
        }
    }
}

/// A type that can be an argument of a kernel.
pub(crate) trait Argument {
    const PARAMETER: Parameter;

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError>;
}

impl<T: Element> Argument for View<'_, T> {
    const PARAMETER: Parameter = Parameter::Input(T::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        if self.context != context {
            return Err(ArgumentError::OtherContext { what: name }.into());
        }
        Ok(Value::Pointer {
            address: self.pointer,
            memory: self.memory,
        })
    }
}

impl<T: Element> Argument for ViewMut<'_, T> {
    const PARAMETER: Parameter = Parameter::Output(T::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        if self.context != context {
            return Err(ArgumentError::OtherContext { what: name }.into());
        }
        Ok(Value::Pointer {
            address: self.pointer,
            memory: self.memory,
        })
    }
}

impl Argument for i32 {
    const PARAMETER: Parameter = Parameter::Int;

    fn value(&self, _: &'static str, _: &Context) -> Result<Value<'_>, GpuError> {
        Ok(Value::Int(*self))
    }
}

impl Argument for f32 {
    const PARAMETER: Parameter = Parameter::Float;

    fn value(&self, _: &'static str, _: &Context) -> Result<Value<'_>, GpuError> {
        Ok(Value::Float(*self))
    }
}

impl Argument for Windows {
    const PARAMETER: Parameter = Parameter::Windows;

    fn value(&self, _: &'static str, _: &Context) -> Result<Value<'_>, GpuError> {
        Ok(Value::Windows(WindowsArgument(*self)))
    }
}
