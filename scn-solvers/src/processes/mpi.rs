//! MPI ranks as processes.

#![expect(
    unsafe_code,
    reason = "the safe interface has no exchange that owns its memory while in progress; runs of `mpirun` are compared with a single process (scn-cli/tests/mpi.rs)"
)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mpi::environment::{Universe, processor_name};
use mpi::ffi;
use mpi::topology::AnyProcess;
use mpi::traits::{AsRaw, Communicator, Destination, Source};
use mpi::{Tag, Threading};

use super::{Gathering, ProcessError, Processes, There};

/// The tag of messages that report a failure.
const FAILURE: Tag = 1;

/// How long a waiting process polls without sleeping.
const EAGER: Duration = Duration::from_micros(200);

/// How long a process that was asked to stop waits for others.
const PATIENCE: Duration = Duration::from_secs(5);

/// Size in bytes of the buffer for failure messages that have not been received.
const BUFFER: usize = 1 << 20;

/// How long a waiting process sleeps between polls, once [`EAGER`] has passed.
const NAP: Duration = Duration::from_micros(50);

/// Environment variables set by Open MPI, MPICH and Slurm when they start a program.
const STARTED: [&str; 4] = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"];

/// The processes started by `mpirun`. Dropping the last clone waits for all of them and ends their
/// connections.
#[derive(Clone)]
pub struct Mpi(Arc<World>);

struct World {
    universe: Universe,
    /// Serialises the calls to MPI.
    calls: Mutex<()>,
    rank: usize,
    count: usize,
    /// The rank and the number of processes among those on this machine.
    on_machine: (usize, usize),
    /// Returns whether this process should stop.
    asked: OnceLock<fn() -> bool>,
}

impl Mpi {
    /// Joins the other processes.
    ///
    /// Returns `None` if this process was not started by MPI or has joined already. Must be called
    /// in the main thread, before anything else that the program does.
    ///
    /// # Errors
    /// Returns [`ProcessError::Threads`] if the library supports calls from one thread only.
    pub fn join() -> Result<Option<Self>, ProcessError> {
        if !STARTED.iter().any(|name| std::env::var_os(name).is_some()) {
            return Ok(None);
        }
        let Some((mut universe, threading)) = mpi::initialize_with_threading(Threading::Serialized)
        else {
            return Ok(None);
        };
        if threading < Threading::Serialized {
            return Err(ProcessError::Threads);
        }
        universe.set_buffer_size(BUFFER);
        let world = universe.world();
        let machine = world.split_shared(world.rank());
        Ok(Some(Self(Arc::new(World {
            rank: world.rank() as usize,
            count: world.size() as usize,
            on_machine: (machine.rank() as usize, machine.size() as usize),
            calls: Mutex::new(()),
            asked: OnceLock::new(),
            universe,
        }))))
    }

    /// Returns the rank of this process among those on the same machine, in the order of ranks, and
    /// their number.
    pub fn on_machine(&self) -> (usize, usize) {
        self.0.on_machine
    }

    /// Sets how this process finds out that it should stop. Once `asked` returns true, it waits at
    /// most five more seconds for other processes, which may be gone.
    pub fn stop_when(&self, asked: fn() -> bool) {
        let _ = self.0.asked.set(asked);
    }

    /// Reports a failure of this process: the first process sends the message to all others, and
    /// any other process to the first. Receivers see it in the current or the next wait.
    pub fn tell_failure(&self, message: &str) {
        let World { rank, count, .. } = *self.0;
        let text = format!("{}\n{message}", self.host());
        let _call = self.0.call();
        let world = self.0.universe.world();
        let to = if rank == 0 { 1..count } else { 0..1 };
        for other in to {
            // Buffered: the receiver may have ended, so do not wait for it.
            let process = world.process_at_rank(other as i32);
            process.buffered_send_with_tag(text.as_bytes(), FAILURE);
        }
    }

    /// Ends all processes immediately with this exit code.
    pub fn abort(&self, code: u8) -> ! {
        self.0.universe.world().abort(i32::from(code))
    }
}

impl World {
    fn call(&self) -> MutexGuard<'_, ()> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an error if another process has reported its failure.
    fn failure(&self) -> Result<(), ProcessError> {
        let _call = self.call();
        let world = self.universe.world();
        let any: AnyProcess<'_> = world.any_process();
        if any.immediate_probe_with_tag(FAILURE).is_none() {
            return Ok(());
        }
        let (text, status) = any.receive_vec_with_tag::<u8>(FAILURE);
        let text = String::from_utf8_lossy(&text);
        let (host, message) = text.split_once('\n').unwrap_or(("", &text));
        Err(ProcessError::Failed {
            rank: status.source_rank() as usize,
            host: host.to_string(),
            message: message.to_string(),
        })
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mpi {} of {}", self.0.rank, self.0.count)
    }
}

impl Processes for Mpi {
    fn rank(&self) -> usize {
        self.0.rank
    }

    fn count(&self) -> usize {
        self.0.count
    }

    fn host(&self) -> String {
        let _call = self.0.call();
        processor_name().unwrap_or_default()
    }

    fn gather(
        &self,
        mut part: Vec<u8>,
        lengths: &[usize],
    ) -> Result<Box<dyn Gathering>, ProcessError> {
        ProcessError::check_part(&part, self.0.rank, lengths)?;
        let total: usize = lengths.iter().sum();
        if total == 0 {
            return Ok(Box::new(There(part)));
        }
        // Some libraries treat the pointer of an empty vector as MPI_IN_PLACE.
        part.reserve(1);
        if i32::try_from(total).is_err() {
            return Err(ProcessError::TooLong { bytes: total });
        }
        let counts: Vec<i32> = lengths.iter().map(|&length| length as i32).collect();
        let ends = counts.iter().scan(0, |end, count| {
            *end += count;
            Some(*end - count)
        });
        let mut exchange = Exchange {
            starts: ends.collect(),
            all: vec![0; total],
            // SAFETY: the library defines this as a constant, which is never written.
            request: unsafe { ffi::RSMPI_REQUEST_NULL },
            counts,
            part,
        };
        let _call = self.0.call();
        // SAFETY: MPI is initialised as long as a `World` exists, and the lock serialises calls.
        // The arrays have the given lengths. They stay in place until the exchange is done:
        // `OnItsWay` owns them, and leaks them if it is dropped earlier.
        unsafe {
            ffi::MPI_Iallgatherv(
                exchange.part.as_ptr().cast(),
                exchange.part.len() as i32,
                ffi::RSMPI_UINT8_T,
                exchange.all.as_mut_ptr().cast(),
                exchange.counts.as_ptr(),
                exchange.starts.as_ptr(),
                ffi::RSMPI_UINT8_T,
                self.0.universe.world().as_raw(),
                &mut exchange.request,
            );
        }
        Ok(Box::new(OnItsWay {
            exchange: ManuallyDrop::new(exchange),
            world: Arc::clone(&self.0),
        }))
    }
}

/// The memory of an exchange.
struct Exchange {
    part: Vec<u8>,
    all: Vec<u8>,
    counts: Vec<i32>,
    starts: Vec<i32>,
    request: ffi::MPI_Request,
}

/// An exchange that MPI has in progress.
struct OnItsWay {
    /// Freed only once the exchange is done.
    exchange: ManuallyDrop<Exchange>,
    world: Arc<World>,
}

impl fmt::Debug for OnItsWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnItsWay of {} bytes", self.exchange.all.len())
    }
}

// SAFETY: the request is the only field that is not `Send`. Any thread may test it, and
// `World::calls` serialises the calls.
unsafe impl Send for OnItsWay {}

impl OnItsWay {
    fn is_done(&mut self) -> bool {
        let _call = self.world.call();
        let mut done = 0;
        // SAFETY: the request belongs to this exchange, whose memory is still allocated. The lock
        // serialises the calls.
        unsafe {
            ffi::MPI_Test(
                &mut self.exchange.request,
                &mut done,
                ffi::RSMPI_STATUS_IGNORE,
            )
        };
        done != 0
    }
}

impl Gathering for OnItsWay {
    fn wait(mut self: Box<Self>) -> Result<Vec<u8>, ProcessError> {
        let begun = Instant::now();
        let mut asked = None;
        while !self.is_done() {
            self.world.failure()?;
            if self.world.asked.get().is_some_and(|asked| asked()) {
                let since: &mut Instant = asked.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(ProcessError::Unanswered);
                }
            }
            if begun.elapsed() < EAGER {
                std::thread::yield_now();
            } else {
                std::thread::sleep(NAP);
            }
        }
        // SAFETY: MPI no longer uses the memory of the exchange, and it is taken only here.
        Ok(unsafe { ManuallyDrop::take(&mut self.exchange) }.all)
    }
}
