//! The processes that share a command if MPI started several. Only the first one prints and writes
//! files; the others help to compute.

use std::process::ExitCode;
use std::sync::Arc;
#[cfg(feature = "mpi")]
use std::time::Duration;

use anyhow::Result;
#[cfg(feature = "mpi")]
use scn_solvers::processes::Mpi;
use scn_solvers::processes::{Alone, Processes};

use crate::ending::{self, Ending};
use crate::output;

/// This process among those that share a command.
pub(crate) struct Together {
    #[cfg(feature = "mpi")]
    mpi: Option<Mpi>,
}

impl Together {
    /// Joins the other processes, if there are any.
    pub(crate) fn join() -> Result<Self> {
        #[cfg(feature = "mpi")]
        let mpi = Mpi::join()?;
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &mpi {
            mpi.stop_when(|| ending::asked_to_stop().is_some());
        }
        Ok(Self {
            #[cfg(feature = "mpi")]
            mpi,
        })
    }

    pub(crate) fn all(&self) -> Arc<dyn Processes> {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return Arc::new(mpi.clone());
        }
        Arc::new(Alone)
    }

    /// Returns the index of this process among those on this machine, and their number.
    pub(crate) fn on_machine(&self) -> (usize, usize) {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return mpi.on_machine();
        }
        (0, 1)
    }

    /// Whether this process prints and writes files.
    pub(crate) fn is_first(&self) -> bool {
        self.all().rank() == 0
    }

    /// Returns the exit code of this process.
    ///
    /// A failure ends all processes, with one line that the first of them prints.
    pub(crate) fn end(self, ended: Result<Ending>) -> ExitCode {
        let error = match ended {
            Ok(ending) => return ending.code(),
            Err(error) => error,
        };
        if self.is_first() {
            output::error(&error);
        }
        #[cfg(feature = "mpi")]
        if let Some(mpi) = self.mpi.filter(|mpi| mpi.count() > 1) {
            end_all(&mpi, &error);
        }
        ending::code_of(&error)
    }
}

/// Ends all processes after a failure of this one or of another one.
#[cfg(feature = "mpi")]
fn end_all(mpi: &Mpi, error: &anyhow::Error) -> ! {
    let code = ending::number_of(error);
    let is_known = |cause: &(dyn std::error::Error + 'static)| {
        use scn_solvers::processes::ProcessError::{Differs, Failed, Unanswered};
        matches!(
            cause.downcast_ref(),
            Some(Failed { .. } | Unanswered | Differs { .. })
        )
    };
    if mpi.rank() == 0 || !error.chain().any(is_known) {
        mpi.tell_failure(&output::line(error));
        std::thread::sleep(if mpi.rank() == 0 { MOMENT } else { LONGEST });
        if mpi.rank() > 0 {
            // The first process is waiting for something that never comes, such as an exchange
            // between GPUs.
            output::error(error);
        }
        mpi.abort(code);
    }
    // Exit without finalising MPI, which would wait for the others.
    std::process::exit(code.into())
}

/// Time that the first process gives the others to exit.
#[cfg(feature = "mpi")]
const MOMENT: Duration = Duration::from_millis(200);

/// Time that a failed process waits for the first one to report the failure and end it.
#[cfg(feature = "mpi")]
const LONGEST: Duration = Duration::from_secs(5);
