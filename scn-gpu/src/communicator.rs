//! Exchange of results between devices with NVIDIA's library NCCL.
//!
//! NCCL only gathers: every device receives the parts of all devices in rank order, and sums them
//! itself with [`update::add_in_order`](crate::update::add_in_order). The sum therefore depends
//! neither on which device was first nor on the route that NCCL chose, and is bit-identical on all
//! devices.
//!
//! [`Communicator::all`] connects the devices of one process. [`Communicator::join`] connects those
//! of several processes or machines, which must first share an [`NcclId`] of 128 bytes.

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

/// A member of a group of devices that exchange results.
pub struct Communicator {
    communicator: sys::ncclComm_t,
    context: Context,
    rank: usize,
    ranks: usize,
}

// SAFETY: any thread may call the library, but only one at a time per communicator. `gather` is the
// only call, and it borrows the communicator exclusively.
unsafe impl Send for Communicator {}
// SAFETY: a shared reference gives access to plain data only.
unsafe impl Sync for Communicator {}

/// The unique id with which devices of several processes find each other. One process creates it
/// and passes it to all others.
#[derive(Clone, Copy)]
pub struct NcclId(sys::ncclUniqueId);

impl NcclId {
    /// Creates a new id.
    ///
    /// # Errors
    /// Returns [`SetupError::NoNccl`] if NCCL is not installed, and [`GpuError::Nccl`] if it fails.
    pub fn new() -> Result<Self, GpuError> {
        require()?;
        let mut id = sys::ncclUniqueId { internal: [0; 128] };
        // SAFETY: the library has this function, and the argument outlives the call.
        check(unsafe { sys::ncclGetUniqueId(&mut id) })?;
        Ok(Self(id))
    }

    /// Returns the bytes of the id, to be sent to the other processes.
    pub fn to_bytes(self) -> [u8; 128] {
        self.0.internal.map(|byte| byte as u8)
    }

    /// Creates the id from the bytes that another process has sent.
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
    /// Checks that NCCL is installed and complete. Otherwise [`join`](Self::join) would fail while
    /// other ranks wait.
    ///
    /// # Errors
    /// Returns [`SetupError::NoNccl`] if NCCL is not installed, and a different error if it is
    /// damaged or too old.
    pub fn check_library() -> Result<(), SetupError> {
        require()
    }

    /// Connects devices of this process. Their ranks follow the order of `contexts`.
    ///
    /// # Errors
    /// Returns [`SetupError::NoNccl`] if NCCL is not installed, and [`GpuError::Nccl`] if it fails,
    /// for example because a device is listed twice.
    pub fn all(contexts: &[Context]) -> Result<Vec<Self>, GpuError> {
        require()?;
        let devices: Vec<i32> = contexts
            .iter()
            .map(|context| context.info().index as i32)
            .collect();
        let ranks = devices.len();
        let mut communicators = vec![std::ptr::null_mut(); ranks];
        // SAFETY: both arrays have `ranks` elements.
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
    /// joined, so several devices of one process need a thread each.
    ///
    /// # Errors
    /// Returns [`SetupError::NoNccl`] if NCCL is not installed, and [`GpuError::Nccl`] if it fails,
    /// for example because two ranks have the same device.
    pub fn join(
        context: &Context,
        meeting: NcclId,
        rank: usize,
        ranks: usize,
    ) -> Result<Self, GpuError> {
        require()?;
        context.queue().bind()?;
        let mut communicator = std::ptr::null_mut();
        // SAFETY: the function writes the communicator unless it fails.
        let joined = check(unsafe {
            sys::ncclCommInitRank(&mut communicator, ranks as i32, meeting.0, rank as i32)
        });
        joined.map_err(|error| match error {
            GpuError::Nccl { reason } if reason == INVALID_USAGE => GpuError::Nccl {
                reason: format!("{reason} (perhaps two ranks have the same device)"),
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

    /// Rank of this device, counted from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of devices.
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// Sends this device's part, and receives the parts of all devices in rank order. All devices
    /// must call it, each from its own thread or process, with parts of the same length. Like all
    /// work of a context, exchanges are done in the order of submission.
    ///
    /// # Errors
    /// Returns an error if the length of `parts` is not that of `part` times the number of ranks or
    /// if a buffer belongs to a different context, and [`GpuError::Nccl`] if NCCL fails.
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
            Submission::unrecorded(self.context.queue(), "exchange results with other devices")?;
        self.context.queue().bind()?;
        let parts = parts.view_mut();
        // SAFETY: both buffers are on the device and have the checked lengths. They stay there
        // until the stream reaches this call, because their memory is reused only for later work of
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
        // Exchanges must be complete before the connections are closed. If the device has failed,
        // the communicator is leaked.
        if self.context.synchronize().is_ok() {
            // SAFETY: this value owns the communicator and does not use it again.
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

/// The NCCL functions that this crate calls.
const FUNCTIONS: [&str; 5] = [
    "ncclAllGather",
    "ncclCommDestroy",
    "ncclCommInitAll",
    "ncclCommInitRank",
    "ncclGetUniqueId",
];

/// NCCL's error if two ranks have the same device.
const INVALID_USAGE: &str = "ncclInvalidUsage";

/// Checks NCCL before cudarc calls it: cudarc panics if the library or a function is missing.
fn require() -> Result<(), SetupError> {
    NCCL.require(&FUNCTIONS)
}

/// Returns `Ok` if a call has succeeded or is still in progress on the stream. Results are compared
/// as numbers because a later version of the library may return values that cudarc does not define.
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
