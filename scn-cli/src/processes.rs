//! The processes that share a command, where MPI has started several: the first of them speaks and writes, the others help.

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
    /// Joins the others, if there are any.
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

    /// Which of the processes on this machine this one is, and how many there are.
    pub(crate) fn on_machine(&self) -> (usize, usize) {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return mpi.on_machine();
        }
        (0, 1)
    }

    /// Whether this process speaks and writes.
    pub(crate) fn is_first(&self) -> bool {
        self.all().rank() == 0
    }

    /// The exit code of this process. A failure ends all of them, with one line that the first one prints.
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

/// Ends all processes after a failure of this one, or of another.
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
            // The first one waits for something that never comes, such as an exchange of graphics processors.
            output::error(error);
        }
        mpi.abort(code);
    }
    // Without a word to MPI, which would wait for the others.
    std::process::exit(code.into())
}

/// How long the first process gives the others to end themselves.
#[cfg(feature = "mpi")]
const MOMENT: Duration = Duration::from_millis(200);

/// How long a process that has failed waits for the first one to say so and to end it.
#[cfg(feature = "mpi")]
const LONGEST: Duration = Duration::from_secs(5);
