//! Reads bytes as a checkpoint.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_net::Checkpoint;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::from_bytes(bytes, Path::new("file")) {
        assert_eq!(checkpoint.history.len() as u64, checkpoint.epochs_done);
        assert_eq!(checkpoint.config.network, *checkpoint.model.network.config());
        assert!(checkpoint.config.validate().is_ok());
    }
});
