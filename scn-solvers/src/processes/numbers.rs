//! Numbers that processes give to each other.

use std::marker::PhantomData;

use bytemuck::Pod;

use super::{Gathering, ProcessError, Processes};

/// Numbers of all processes that are on their way.
#[derive(Debug)]
pub struct Numbers<T> {
    bytes: Box<dyn Gathering>,
    numbers: PhantomData<T>,
}

/// Starts to give the numbers of each process to all; `lengths` says how many each gives, in the order of ranks. They are exchanged as
/// they lie in memory: all machines must be of one kind.
///
/// # Errors
/// Another number of numbers than was announced; a connection that fails.
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

/// The bytes of each process, in all, in the order of ranks. They may be of any lengths.
///
/// # Errors
/// A connection or a process that has failed; more than 2 GiB.
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

/// The bytes of the first process, in all; those of the others do not count.
///
/// # Errors
/// A connection or a process that has failed; more than 2 GiB.
pub fn from_first(processes: &dyn Processes, bytes: &[u8]) -> Result<Vec<u8>, ProcessError> {
    let own = if processes.rank() == 0 { bytes } else { &[] };
    Ok(from_each(processes, own)?.swap_remove(0))
}

impl<T: Pod> Numbers<T> {
    /// The numbers, one process after the other, once they are there.
    ///
    /// # Errors
    /// A connection or a process that has failed.
    pub fn wait(self) -> Result<Vec<T>, ProcessError> {
        Ok(bytemuck::pod_collect_to_vec(&self.bytes.wait()?))
    }
}
