//! Decisions that processes take together, and values that must be the same in all of them.

use super::{ProcessError, Processes, from_each, gather};

/// Returns whether `own` is true in any of the processes.
///
/// # Errors
/// Returns an error if a connection or a process has failed.
///
/// # Example
///
/// ```
/// use scn_solvers::processes::{Processes, Threads, any};
///
/// std::thread::scope(|scope| {
///     for process in Threads::all(3) {
///         // The process of rank 2 decides for all.
///         scope.spawn(move || assert_eq!(any(&process, process.rank() == 2), Ok(true)));
///     }
/// });
/// ```
pub fn any(processes: &dyn Processes, own: bool) -> Result<bool, ProcessError> {
    let lengths = std::iter::repeat_n(1, processes.count());
    let all = gather(processes, &[u8::from(own)], lengths)?.wait()?;
    Ok(all.contains(&1))
}

/// Checks that all processes have found the same bytes, such as a checksum of the data that each
/// has read from its own file system.
///
/// # Errors
/// Returns [`ProcessError::Differs`] in all processes, for the first process whose bytes differ
/// from those of process 0, or an error if a connection or a process has failed.
pub fn expect_same(
    processes: &dyn Processes,
    what: &str,
    found: &[u8],
) -> Result<(), ProcessError> {
    if processes.count() == 1 {
        return Ok(());
    }
    let all = from_each(processes, found)?;
    let Some(rank) = all.iter().position(|bytes| *bytes != all[0]) else {
        return Ok(());
    };
    let hosts = from_each(processes, processes.host().as_bytes())?;
    Err(ProcessError::Differs {
        rank,
        host: String::from_utf8_lossy(&hosts[rank]).into_owned(),
        what: what.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Threads;
    use super::*;

    fn each<R: Send>(count: usize, run: impl Fn(&Threads) -> R + Sync) -> Vec<R> {
        std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = Threads::all(count)
                .into_iter()
                .map(|process| scope.spawn(move || run(&process)))
                .collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results.collect()
        })
    }

    #[test]
    fn one_decides_for_all() {
        for (who, expected) in [(Some(2), true), (None, false)] {
            let found = each(3, |process| any(process, who == Some(process.rank())));
            assert_eq!(found, [Ok(expected), Ok(expected), Ok(expected)]);
        }
    }

    #[test]
    fn the_first_that_differs_is_named() {
        let same = each(3, |process| expect_same(process, "images", b"abc"));
        assert!(same.iter().all(Result::is_ok));
        let other = each(4, |process| {
            let found: &[u8] = if process.rank() < 2 { b"abc" } else { b"ab" };
            expect_same(process, "images", found)
        });
        for error in other {
            let text = error.unwrap_err().to_string();
            assert_eq!(
                text,
                "process 2 on localhost and process 0 have different images"
            );
        }
    }
}
