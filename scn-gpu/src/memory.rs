//! Arrays on a device, and their transfers from and to the host.

pub(crate) mod buffer;
pub(crate) mod pinned;
pub(crate) mod staged;
pub(crate) mod view;
