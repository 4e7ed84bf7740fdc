//! Processes that count the messages and bytes that they exchange.

use std::sync::{Mutex, PoisonError};

use scn_solvers::processes::{Gathering, ProcessError, Processes, Threads};

/// The messages and bytes that a process has exchanged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) messages: usize,
    /// Bytes of the process's own parts.
    pub(crate) sent: usize,
    /// Bytes of the parts of all other processes.
    pub(crate) received: usize,
}

/// A process that counts its exchanges.
#[derive(Debug)]
pub(crate) struct Counting {
    process: Threads,
    counted: Mutex<Counted>,
}

impl Counting {
    pub(crate) fn new(process: Threads) -> Self {
        Self {
            process,
            counted: Mutex::default(),
        }
    }

    pub(crate) fn counted(&self) -> Counted {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Processes for Counting {
    fn rank(&self) -> usize {
        self.process.rank()
    }

    fn count(&self) -> usize {
        self.process.count()
    }

    fn gather(&self, part: Vec<u8>, lengths: &[usize]) -> Result<Box<dyn Gathering>, ProcessError> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.messages += 1;
        counted.sent += part.len();
        counted.received += lengths.iter().sum::<usize>() - part.len();
        drop(counted);
        self.process.gather(part, lengths)
    }
}
