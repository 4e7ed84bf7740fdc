//! Memory for activations, kept for the next step.
//!
//! A step needs the same buffers as the one before it. The allocator returns large freed buffers to
//! the system, and a new allocation costs a page fault per page: in total, a fifth of the time of a
//! training step. The pool keeps the buffers instead.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// The numbers of an activation. Dropping it returns its memory to the pool.
#[derive(Debug, PartialEq)]
pub(crate) struct Buffer(Vec<f32>);

/// Length of the smallest buffer worth keeping.
const SMALLEST: usize = 1 << 12;

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

fn pool<R>(work: impl FnOnce(&mut Pool) -> R) -> R {
    work(&mut POOL.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Buffer {
    /// Returns a buffer of unspecified values. Write every number before reading it.
    pub(crate) fn unspecified(length: usize) -> Self {
        let kept = (length >= SMALLEST).then(|| pool(|pool| pool.take(length)));
        Self::from(kept.flatten().unwrap_or_else(|| vec![0.0; length]))
    }

    /// Returns a buffer of zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let mut buffer = Self::unspecified(length);
        buffer.fill(0.0);
        buffer
    }
}

impl From<Vec<f32>> for Buffer {
    fn from(numbers: Vec<f32>) -> Self {
        if numbers.len() >= SMALLEST {
            // Free the buffers only after the lock is released.
            let freed = pool(|pool| pool.count(numbers.capacity()));
            drop(freed);
        }
        Self(numbers)
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        let mut copy = Self::unspecified(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.len() >= SMALLEST {
            let numbers = std::mem::take(&mut self.0);
            let freed = pool(|pool| pool.keep(numbers));
            drop(freed);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

/// Frees the memory kept for later activations, as if no step had been taken yet.
pub(crate) fn release_memory() {
    let freed = pool(|pool| {
        std::mem::replace(
            pool,
            Pool {
                in_use: pool.in_use,
                ..Pool::new()
            },
        )
    });
    drop(freed);
}

/// The unused buffers, most recently used last. Together with the buffers in use, they never hold
/// more numbers than have been in use at one time.
#[derive(Debug)]
struct Pool {
    kept: Vec<Vec<f32>>,
    /// Total capacity of the buffers in use.
    in_use: usize,
    /// Largest value of `in_use` so far.
    most: usize,
}

impl Pool {
    const fn new() -> Self {
        Self {
            kept: Vec::new(),
            in_use: 0,
            most: 0,
        }
    }

    /// Takes the smallest kept buffer whose capacity is at least `length` and less than twice that.
    /// The caller has to [`count`](Self::count) it.
    fn take(&mut self, length: usize) -> Option<Vec<f32>> {
        let fits = |numbers: &Vec<f32>| (length..2 * length).contains(&numbers.capacity());
        let candidates = self.kept.iter().enumerate().filter(|(_, kept)| fits(kept));
        let (best, _) = candidates.min_by_key(|(_, kept)| kept.capacity())?;
        let mut numbers = self.kept.remove(best);
        numbers.resize(length, 0.0);
        Some(numbers)
    }

    /// Counts a buffer as in use. Returns the buffers to free.
    fn count(&mut self, capacity: usize) -> Vec<Vec<f32>> {
        self.in_use += capacity;
        self.most = self.most.max(self.in_use);
        self.trim()
    }

    /// Keeps a buffer that is no longer in use. Returns the buffers to free.
    fn keep(&mut self, numbers: Vec<f32>) -> Vec<Vec<f32>> {
        self.in_use = self.in_use.saturating_sub(numbers.capacity());
        self.kept.push(numbers);
        self.trim()
    }

    /// Removes the oldest buffers until no more numbers are held than have been in use at one time.
    fn trim(&mut self) -> Vec<Vec<f32>> {
        let mut held = self.held();
        let mut freed = Vec::new();
        while held > self.most && !self.kept.is_empty() {
            let oldest = self.kept.remove(0);
            held -= oldest.capacity();
            freed.push(oldest);
        }
        freed
    }

    fn held(&self) -> usize {
        self.in_use + self.kept.iter().map(Vec::capacity).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second of two equal steps takes all its buffers from the first. The pool never holds
    /// more than has been in use at one time.
    #[test]
    fn a_step_leaves_the_next_its_buffers() {
        let lengths = [SMALLEST, 3 * SMALLEST, SMALLEST, 8 * SMALLEST];
        let mut pool = Pool::new();
        let step = |pool: &mut Pool, lengths: &[usize]| {
            let mut missed = 0;
            let mut used = Vec::new();
            for &length in lengths {
                let numbers = pool.take(length).unwrap_or_else(|| {
                    missed += 1;
                    vec![0.0; length]
                });
                assert_eq!(numbers.len(), length);
                drop(pool.count(numbers.capacity()));
                assert!(pool.held() <= pool.most);
                used.push(numbers);
            }
            for numbers in used {
                drop(pool.keep(numbers));
                assert!(pool.held() <= pool.most);
            }
            missed
        };
        assert_eq!(step(&mut pool, &lengths), lengths.len());
        assert_eq!(step(&mut pool, &lengths), 0);
        // A buffer of a new size displaces the oldest ones.
        assert_eq!(step(&mut pool, &[12 * SMALLEST]), 1);
        assert_eq!(pool.in_use, 0);
        assert_eq!(pool.most, lengths.iter().sum::<usize>());
    }

    #[test]
    fn zeros_are_zero_whatever_was_there() {
        let mut buffer = Buffer::zeros(2 * SMALLEST);
        buffer.fill(7.0);
        drop(buffer);
        assert!(
            Buffer::zeros(2 * SMALLEST)
                .iter()
                .all(|&value| value == 0.0)
        );
        release_memory();
    }
}
