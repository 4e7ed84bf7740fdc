//! Workspaces that are kept between calls.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A pool of workspaces, one for each thread that works at the same time.
///
/// Workspaces are kept, so nothing is allocated after the first call.
///
/// # Example
///
/// ```
/// use scn_solvers::tile::Pool;
///
/// let pool = Pool::new();
/// let add = |number| {
///     pool.with(Vec::new, |kept| {
///         kept.push(number);
///         kept.clone()
///     })
/// };
/// assert_eq!(add(1), [1]);
/// // The second call gets the workspace of the first.
/// assert_eq!(add(2), [1, 2]);
/// ```
#[derive(Debug)]
pub struct Pool<S>(Mutex<Vec<S>>);

impl<S> Pool<S> {
    /// Creates an empty pool.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Runs `work` with a workspace from the pool, or with a new one from `make` if the pool is
    /// empty.
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
    /// Creates an empty pool; workspaces are not copied.
    fn clone(&self) -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;

    /// Sequential calls share a workspace; nested calls do not.
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
