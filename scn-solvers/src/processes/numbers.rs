//! Exchange of numbers between processes.

use std::marker::PhantomData;

use bytemuck::Pod;

use super::{Gathering, ProcessError, Processes};

/// An exchange in progress, which gathers the numbers of all processes.
#[derive(Debug)]
pub struct Numbers<T> {
    bytes: Box<dyn Gathering>,
    numbers: PhantomData<T>,
}

/// Starts to send the numbers of each process to all. `lengths` holds how many numbers each process
/// sends, in the order of ranks. Numbers are sent as they lie in memory, so all machines must be of
/// the same kind.
///
/// # Errors
/// Returns an error if `part` has a different length, or if a connection fails.
pub fn gather<T: Pod>(
    processes: &dyn Processes,
    part: &[T],
    lengths: impl Iterator<Item = usize>,
) -> Result<Numbers<T>, ProcessError> {
    let bytes: Vec<usize> = lengths.map(|length| length * size_of::<T>()).collect();
    let part = bytemuck::cast_slice(part).to_vec();
    Ok(Numbers {
        bytes: processes.gather(part, &bytes)?,
        numbers: PhantomData,
    })
}

/// Returns the bytes of each process to all of them, in the order of ranks. The lengths may differ.
///
/// # Errors
/// Returns an error if a connection or a process has failed, or for more than 2 GiB.
pub fn from_each(processes: &dyn Processes, bytes: &[u8]) -> Result<Vec<Vec<u8>>, ProcessError> {
    let one_each = std::iter::repeat_n(1, processes.count());
    let lengths = gather(processes, &[bytes.len() as u64], one_each)?.wait()?;
    let lengths = lengths.into_iter().map(|length| length as usize);
    let all = gather(processes, bytes, lengths.clone())?.wait()?;
    let mut rest = all.as_slice();
    let take = |length| {
        let (own, others) = rest.split_at(length);
        rest = others;
        own.to_vec()
    };
    Ok(lengths.map(take).collect())
}

/// Returns the bytes of the first process to all of them. Those of the others are ignored.
///
/// # Errors
/// Returns an error if a connection or a process has failed, or for more than 2 GiB.
pub fn from_first(processes: &dyn Processes, bytes: &[u8]) -> Result<Vec<u8>, ProcessError> {
    let own = if processes.rank() == 0 { bytes } else { &[] };
    Ok(from_each(processes, own)?.swap_remove(0))
}

impl<T: Pod> Numbers<T> {
    /// Waits for the numbers and returns them, one process after the other.
    ///
    /// # Errors
    /// Returns an error if a connection or a process has failed.
    pub fn wait(self) -> Result<Vec<T>, ProcessError> {
        Ok(bytemuck::pod_collect_to_vec(&self.bytes.wait()?))
    }
}
