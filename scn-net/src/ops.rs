//! The computations of layers, one operation per file, with its formulas, shape checks and code.
//! Only these modules depend on how numbers are stored.

pub(crate) mod avg_pool;
pub(crate) mod batch_norm;
pub(crate) mod encode;
pub(crate) mod linear;
pub(crate) mod loss;
pub(crate) mod windows;
