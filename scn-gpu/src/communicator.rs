//! Exchange of results between devices, through NVIDIA's library NCCL.
//!
//! NCCL only gathers: every device gets the parts of all, in the order of their ranks, and adds
//! them up itself with [`update::add_in_order`](crate::update::add_in_order). So the sum does not
//! depend on which device was first, nor on the route that NCCL chose, and has the same bits on all
//! devices.
//!
//! [`Communicator::all`] connects the devices of one process, [`Communicator::join`] those of
//! several processes or machines, which must first pass a [`NcclId`] of 128 bytes to each other.

#![expect(unsafe_code, reason = "calls of NCCL's library")]

use std::ffi::c_void;
use std::fmt;

use cudarc::nccl::sys;

use crate::context::Context;
use crate::error::{ArgumentError, GpuError, SetupError};
use crate::library::{NCCL, number};
use crate::memory::buffer::Buffer;
use crate::memory::view::View;
use crate::queue::Submission;
use crate::sizes::expect_len;

/// A device among those that exchange results.
pub struct Communicator {
    communicator: sys::ncclComm_t,
    context: Context,
    rank: usize,
    ranks: usize,
}

// SAFETY: the library may be called by any thread, for one communicator by one at a time: `gather`
// is the only call, and it needs the communicator exclusively.
unsafe impl Send for Communicator {}
// SAFETY: nothing is done with a shared one but to read its numbers.
unsafe impl Sync for Communicator {}

/// The unique id by which devices of several processes find each other: created by one process,
/// passed to all.
#[derive(Clone, Copy)]
pub struct NcclId(sys::ncclUniqueId);

impl NcclId {
    /// Creates a new id.
    ///
    /// # Errors
    /// [`SetupError::NoNccl`]; [`GpuError::Nccl`].
    pub fn new() -> Result<Self, GpuError> {
        require()?;
        let mut id = sys::ncclUniqueId { internal: [0; 128] };
        // SAFETY: the library and the function are there, and the argument outlives the call.
        check(unsafe { sys::ncclGetUniqueId(&mut id) })?;
        Ok(Self(id))
    }

    /// The bytes of the id, to send to the other processes.
    pub fn to_bytes(self) -> [u8; 128] {
        self.0.internal.map(|byte| byte as u8)
    }

    /// The id of these bytes, as another process has sent them.
    pub fn from_bytes(bytes: [u8; 128]) -> Self {
        Self(sys::ncclUniqueId {
            internal: bytes.map(|byte| byte as std::ffi::c_char),
        })
    }
}

impl fmt::Debug for NcclId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NcclId")
    }
}

impl Communicator {
    /// `Ok` if NCCL is there and whole, without which [`join`](Self::join) fails while others wait.
    ///
    /// # Errors
    /// [`SetupError::NoNccl`], and those of a library that is damaged or too old.
    pub fn check_library() -> Result<(), SetupError> {
        require()
    }

    /// Connects devices of this process; their ranks follow the order of `contexts`.
    ///
    /// # Errors
    /// [`SetupError::NoNccl`]; [`GpuError::Nccl`], as for a device that is named twice.
    pub fn all(contexts: &[Context]) -> Result<Vec<Self>, GpuError> {
        require()?;
        let devices: Vec<i32> = contexts
            .iter()
            .map(|context| context.info().index as i32)
            .collect();
        let ranks = devices.len();
        let mut communicators = vec![std::ptr::null_mut(); ranks];
        // SAFETY: there are as many communicators and devices as it is told.
        check(unsafe {
            sys::ncclCommInitAll(communicators.as_mut_ptr(), ranks as i32, devices.as_ptr())
        })?;
        let members = communicators.into_iter().zip(contexts).enumerate();
        let member = |(rank, (communicator, context)): (usize, (_, &Context))| Self {
            communicator,
            context: context.clone(),
            rank,
            ranks,
        };
        Ok(members.map(member).collect())
    }

    /// Connects a device of this process as rank `rank` of `ranks`. Waits until all ranks have
    /// joined: several devices of one process do so in a thread each.
    ///
    /// # Errors
    /// [`SetupError::NoNccl`]; [`GpuError::Nccl`], as for a device that two ranks have.
    pub fn join(
        context: &Context,
        meeting: NcclId,
        rank: usize,
        ranks: usize,
    ) -> Result<Self, GpuError> {
        require()?;
        context.queue().bind()?;
        let mut communicator = std::ptr::null_mut();
        // SAFETY: it writes the communicator, unless it fails.
        let joined = check(unsafe {
            sys::ncclCommInitRank(&mut communicator, ranks as i32, meeting.0, rank as i32)
        });
        joined.map_err(|error| match error {
            GpuError::Nccl { reason } if reason == INVALID_USAGE => GpuError::Nccl {
                reason: format!("{reason}, as where two ranks have the same device"),
            },
            other => other,
        })?;
        Ok(Self {
            communicator,
            context: context.clone(),
            rank,
            ranks,
        })
    }

    /// This device's rank, counted from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The number of devices.
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// Sends this device's part, and receives the parts of all devices in order of rank. All
    /// devices must call it, each from its own thread or process, with parts of the same length.
    /// Like all work of a context, the exchange is done in the order of submission.
    ///
    /// # Errors
    /// A length of `parts` that is not that of the part times the number of ranks, a buffer of
    /// another context; [`GpuError::Nccl`].
    pub fn gather(&mut self, part: View<'_, f32>, parts: &mut Buffer<f32>) -> Result<(), GpuError> {
        expect_len(
            "the parts of all devices",
            part.len() * self.ranks,
            parts.len(),
        )?;
        if part.context != &self.context || parts.context() != &self.context {
            return Err(ArgumentError::OtherContext {
                what: "a part that is exchanged",
            }
            .into());
        }
        if part.is_empty() {
            return Ok(());
        }
        let _submission =
            Submission::unrecorded(self.context.queue(), "exchange with other devices")?;
        self.context.queue().bind()?;
        let parts = parts.view_mut();
        // SAFETY: both are on the device, of the lengths that were checked, and stay there until
        // the stream has come to it: their memory is used again only for work that comes later in
        // the same stream.
        check(unsafe {
            sys::ncclAllGather(
                part.pointer as *const c_void,
                parts.pointer as *mut c_void,
                part.len(),
                sys::ncclDataType_t::ncclFloat32,
                self.communicator,
                self.context.queue().stream().cu_stream().cast(),
            )
        })
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        // What was asked for is to be done before its connections are closed. A device that has
        // failed is left as it is.
        if self.context.synchronize().is_ok() {
            // SAFETY: it is this one's own, and nobody uses it after this.
            let _ = unsafe { sys::ncclCommDestroy(self.communicator) };
        }
    }
}

impl fmt::Debug for Communicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rank, ranks, name) = (self.rank, self.ranks, self.context.name());
        write!(f, "Communicator {rank} of {ranks}, on {name}")
    }
}

/// The functions of NCCL that are called.
const FUNCTIONS: [&str; 5] = [
    "ncclAllGather",
    "ncclCommDestroy",
    "ncclCommInitAll",
    "ncclCommInitRank",
    "ncclGetUniqueId",
];

/// What NCCL says of a device that two ranks have.
const INVALID_USAGE: &str = "ncclInvalidUsage";

/// cudarc panics where the library or a function is missing.
fn require() -> Result<(), SetupError> {
    NCCL.require(&FUNCTIONS)
}

/// `Ok` for a call that is done, or goes on behind the stream. A library of a later version may
/// have more results than cudarc knows, so that they are numbers here.
fn check(result: sys::ncclResult_t) -> Result<(), GpuError> {
    let name = match number(result) {
        0 | 7 => return Ok(()),
        1 => "ncclUnhandledCudaError",
        2 => "ncclSystemError",
        3 => "ncclInternalError",
        4 => "ncclInvalidArgument",
        5 => INVALID_USAGE,
        6 => "ncclRemoteError",
        other => {
            let reason = format!("error {other}");
            return Err(GpuError::Nccl { reason });
        }
    };
    let reason = name.to_string();
    Err(GpuError::Nccl { reason })
}
