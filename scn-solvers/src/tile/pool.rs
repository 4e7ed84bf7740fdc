//! Scratch memory that is kept from call to call.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Scratch of workers that come and go: one for each that works at the same time. It is kept, so
/// that nothing is allocated after the first call.
#[derive(Debug)]
pub struct Pool<S>(Mutex<Vec<S>>);

impl<S> Pool<S> {
    /// No memory yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Works with scratch that was used before, if there is any, else with what `make` makes.
    pub fn with<R>(&self, make: impl FnOnce() -> S, work: impl FnOnce(&mut S) -> R) -> R {
        let kept = self.lock().pop();
        let mut scratch = kept.unwrap_or_else(make);
        let result = work(&mut scratch);
        self.lock().push(scratch);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Vec<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Default for Pool<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for Pool<S> {
    /// A pool of its own, without memory.
    fn clone(&self) -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    /// One after the other they share; one inside the other they do not.
    #[test]
    fn scratch_is_used_again_but_never_by_two_at_a_time() {
        let pool = Pool::new();
        let add = |made: &mut Vec<i32>, number| {
            made.push(number);
            made.clone()
        };
        assert_eq!(pool.with(Vec::new, |made| add(made, 1)), [1]);
        assert_eq!(pool.with(Vec::new, |made| add(made, 2)), [1, 2]);
        let inner = pool.with(Vec::new, |_| pool.with(Vec::new, |made| add(made, 3)));
        assert_eq!(inner, [3]);
    }
}
