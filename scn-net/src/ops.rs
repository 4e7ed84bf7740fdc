//! What layers compute, one operation per file: its formulas, its shape checks, its code. The only
//! place that looks at where numbers are stored.

pub(crate) mod avg_pool;
pub(crate) mod batch_norm;
pub(crate) mod encode;
pub(crate) mod linear;
pub(crate) mod loss;
pub(crate) mod windows;
