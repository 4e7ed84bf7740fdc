//! The subcommands of `scn`, one file each.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod device;
pub(crate) mod encode;
pub(crate) mod evaluate;
pub(crate) mod gradients;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod learn;
pub(crate) mod man;
pub(crate) mod predict;
pub(crate) mod presets;
pub(crate) mod reconstruct;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod solve;
pub(crate) mod train;
