//! The solvers, and the one loop that runs them all.

mod active_set;
mod active_step;
mod admm;
mod auto;
mod coordinate_descent;
mod dynamic;
mod fista;
mod ista;
mod lars;
mod lista;
mod method;
mod momentum;
mod polish;
mod run;
mod small_problems;
mod state;
mod sweeps;
mod verdict;
mod working_set;

pub use active_set::ActiveSet;
pub use admm::Admm;
pub use auto::Auto;
pub use coordinate_descent::CoordinateDescent;
pub use dynamic::Solver;
pub use fista::Fista;
pub use ista::Ista;
pub use lars::Lars;
pub use lista::{Lista, ListaEpoch, ListaLayer, ListaTraining};
pub use method::{Method, Pass};
pub(crate) use polish::Column;
pub use state::{Tile, TileParts};
