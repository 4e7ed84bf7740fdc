//! Linear systems `H_LL y_L = u_L` for many columns with different active sets L.
//!
//! The relative residual of a column, 0 if u is 0, is
//! `max over L of |u - H y| / max over L of |u|`.

mod auto;
mod cholesky;
mod conjugate_gradient;
mod factor;
mod gauss_seidel;
mod report;
mod solver;
mod tile;

pub use auto::MaskedAuto;
pub use cholesky::MaskedCholesky;
pub use conjugate_gradient::MaskedConjugateGradient;
pub use gauss_seidel::MaskedGaussSeidel;
pub use report::{AdjointTimes, MaskedReport};
pub use solver::MaskedSolver;
pub use tile::MaskedTile;
