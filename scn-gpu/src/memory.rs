//! Numbers on a device, and on their way there and back.

pub(crate) mod buffer;
pub(crate) mod pinned;
pub(crate) mod staged;
pub(crate) mod view;
