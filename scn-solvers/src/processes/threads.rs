//! Threads of one process in the role of processes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::{Gathering, ProcessError, Processes};

/// A thread in the role of a [process](Processes), for tests of shared work. Each thread takes one
/// of [`all`](Self::all).
///
/// # Example
///
/// ```
/// use scn_solvers::processes::{Processes, Threads, gather};
///
/// std::thread::scope(|scope| {
///     for process in Threads::all(3) {
///         scope.spawn(move || {
///             let numbers = gather(&process, &[process.rank() as u32], [1; 3].into_iter());
///             assert_eq!(numbers.and_then(|numbers| numbers.wait()), Ok(vec![0, 1, 2]));
///         });
///     }
/// });
/// ```
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    /// The index of the next exchange, from 0.
    next: Mutex<usize>,
    table: Arc<Table>,
}

/// The parts of all exchanges.
#[derive(Debug)]
struct Table {
    count: usize,
    /// The parts of each exchange that have arrived; empty once all processes have taken them.
    exchanges: Mutex<Vec<Exchange>>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Exchange {
    parts: Vec<Option<Vec<u8>>>,
    taken: usize,
}

impl Threads {
    /// Creates `count` processes.
    pub fn all(count: usize) -> Vec<Self> {
        let table = Arc::new(Table {
            count,
            exchanges: Mutex::default(),
            changed: Condvar::new(),
        });
        let one = |rank| Self {
            rank,
            next: Mutex::new(0),
            table: Arc::clone(&table),
        };
        (0..count).map(one).collect()
    }
}

impl Processes for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.table.count
    }

    fn gather(&self, part: Vec<u8>, lengths: &[usize]) -> Result<Box<dyn Gathering>, ProcessError> {
        ProcessError::check_part(&part, self.rank, lengths)?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let index = *next;
        *next += 1;
        let table = &self.table;
        let mut exchanges = table
            .exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if exchanges.len() <= index {
            exchanges.resize_with(index + 1, Exchange::default);
        }
        let exchange = &mut exchanges[index];
        exchange.parts.resize(table.count, None);
        exchange.parts[self.rank] = Some(part);
        table.changed.notify_all();
        Ok(Box::new(OnTable {
            index,
            table: Arc::clone(table),
        }))
    }
}

/// An exchange in progress.
#[derive(Debug)]
struct OnTable {
    index: usize,
    table: Arc<Table>,
}

impl Gathering for OnTable {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, ProcessError> {
        let Table {
            count,
            exchanges,
            changed,
        } = &*self.table;
        let mut exchanges = exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        while !exchanges[self.index].parts.iter().all(Option::is_some) {
            exchanges = changed
                .wait(exchanges)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let exchange = &mut exchanges[self.index];
        let all = exchange.parts.iter().flatten().flatten().copied().collect();
        exchange.taken += 1;
        if exchange.taken == *count {
            exchange.parts.iter_mut().flatten().for_each(Vec::clear);
        }
        Ok(all)
    }
}
