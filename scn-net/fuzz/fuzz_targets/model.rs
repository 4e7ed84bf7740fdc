//! Reads bytes as a model, or as the model in a checkpoint.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_net::Model;

fuzz_target!(|bytes: &[u8]| {
    match Model::from_bytes(bytes, Path::new("file")) {
        Ok(model) => {
            for (name, param) in model.network.params().unwrap() {
                let count = param.shape.iter().product::<usize>();
                assert_eq!(param.value.len(), count, "{name}");
                assert!(param.value.iter().all(|value| value.is_finite()), "{name}");
            }
        }
        Err(error) => assert!(error.to_string().starts_with("file: ")),
    }
});
