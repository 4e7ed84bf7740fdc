//! Processes that share work, and sums that are bit-identical for any number of processes.
//!
//! [`Processes`] provides the rank of a process and exchanges results between all of them.
//! [`Alone`] is a single process. Sums over processes are computed in a [`SumTree`], which depends
//! only on the number of leaves.

mod agreement;
mod columns;
mod error;
#[cfg(feature = "mpi")]
mod mpi;
mod numbers;
mod sum_tree;
mod threads;

use std::fmt;

pub use self::agreement::{any, expect_same};
pub use self::columns::share_columns;
pub use self::error::ProcessError;
#[cfg(feature = "mpi")]
pub use self::mpi::Mpi;
pub use self::numbers::{Numbers, from_each, from_first, gather};
pub use self::sum_tree::SumTree;
pub use self::threads::Threads;

/// Processes that compute together. Each runs the same program and calls the same methods in the
/// same order.
pub trait Processes: fmt::Debug + Send + Sync {
    /// The rank of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes, at least 1.
    fn count(&self) -> usize;

    /// The name of the machine that this process runs on, for messages.
    fn host(&self) -> String {
        "localhost".to_string()
    }

    /// Starts to send the part of each process to all. `lengths` holds the length of every part in
    /// bytes, in the order of ranks, and is the same in all processes. The caller can do other work
    /// before it [waits](Gathering::wait) for the parts.
    ///
    /// # Errors
    /// Returns an error if the part has a different length, or if a connection fails.
    fn gather(&self, part: Vec<u8>, lengths: &[usize]) -> Result<Box<dyn Gathering>, ProcessError>;
}

/// An exchange in progress, which gathers the parts of all processes.
pub trait Gathering: fmt::Debug + Send {
    /// Waits for the parts and returns them, concatenated in the order of ranks.
    ///
    /// # Errors
    /// Returns an error if a connection or a process has failed.
    fn wait(self: Box<Self>) -> Result<Vec<u8>, ProcessError>;
}

/// A single process that shares its work with no other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Processes for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn count(&self) -> usize {
        1
    }

    fn gather(&self, part: Vec<u8>, lengths: &[usize]) -> Result<Box<dyn Gathering>, ProcessError> {
        ProcessError::check_part(&part, 0, lengths)?;
        Ok(Box::new(There(part)))
    }
}

/// Parts that are available immediately.
#[derive(Debug)]
struct There(Vec<u8>);

impl Gathering for There {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, ProcessError> {
        Ok(self.0)
    }
}
