//! The two types that everything is written for.

use super::{Kernels, Real};

/// `f32` or `f64`. Sealed: the [kernels](Kernels) are compiled for these two, in this crate.
pub trait Scalar: Real + Kernels {}

impl<T: Real + Kernels> Scalar for T {}
