//! The two types that everything is written for.

use super::{Float, Kernels};

/// `f32` or `f64`. Sealed: the [kernels](Kernels) are compiled for these two, in this crate.
pub trait Scalar: Float + Kernels {}

impl<T: Float + Kernels> Scalar for T {}
