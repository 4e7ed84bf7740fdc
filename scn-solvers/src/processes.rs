//! Processes that share work, and sums that have the same bits for any number of them.
//!
//! [`Processes`] is how a process finds out which one it is, and how all get what each has computed; [`Alone`] is the only one there is.
//! What is added up over processes is added up in a [`SumTree`], which depends on the number of leaves alone.

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

/// Processes that compute together. Each runs the same program, and calls the same methods in the same order.
pub trait Processes: fmt::Debug + Send + Sync {
    /// Which one this is, counted from 0.
    fn rank(&self) -> usize;

    /// How many there are, at least 1.
    fn count(&self) -> usize;

    /// The name of the machine that this one runs on, for messages.
    fn host(&self) -> String {
        "localhost".to_string()
    }

    /// Starts to give the part of each process to all: `lengths` holds the length of every part in bytes, in the order of ranks, and is
    /// the same in all processes. Work can be done before the parts are [waited for](Gathering::wait).
    ///
    /// # Errors
    /// A part of another length; a connection that fails.
    fn gather(&self, part: Vec<u8>, lengths: &[usize]) -> Result<Box<dyn Gathering>, ProcessError>;
}

/// Parts of all processes that are on their way.
pub trait Gathering: fmt::Debug + Send {
    /// The parts, one after the other in the order of ranks, once they are there.
    ///
    /// # Errors
    /// A connection or a process that has failed.
    fn wait(self: Box<Self>) -> Result<Vec<u8>, ProcessError>;
}

/// A process that shares its work with no other.
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

/// Parts that were there from the beginning.
#[derive(Debug)]
struct There(Vec<u8>);

impl Gathering for There {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, ProcessError> {
        Ok(self.0)
    }
}
