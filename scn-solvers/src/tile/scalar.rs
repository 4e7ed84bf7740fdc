//! The two number types of the crate.

use super::{Kernels, Real};

/// `f32` or `f64`. Sealed: the [kernels](Kernels) are compiled in this crate, for these two types.
pub trait Scalar: Real + Kernels {}

impl<T: Real + Kernels> Scalar for T {}
