//! Memory that is asked for before it is needed: an absurd setting is then an error with a name, and not the end of the process.

use std::hint::black_box;

use crate::ConfigError;
use crate::config::{NetworkConfig, Recompute};

/// Bytes of a number.
const F32: u64 = size_of::<f32>() as u64;

/// `Ok` if the system would hand out the memory of a network: for each weight its gradient and its momentum beside it, and each Gram matrix
/// once more in the order of the kernels.
pub(crate) fn expect_network(config: &NetworkConfig) -> Result<(), ConfigError> {
    let (weights, gram) = config.sizes();
    expect("network.layers", F32 * (3 * weights + 2 * gram))
}

/// `Ok` if the system would hand out what sparse coding layers are given in a step with so many images, which is kept until they have had
/// their gradients.
pub(crate) fn expect_step(
    config: &NetworkConfig,
    recompute: Recompute,
    images: usize,
) -> Result<(), ConfigError> {
    let inputs = config.input_numbers().into_iter();
    let inputs = inputs.map(|numbers| numbers as u64);
    let numbers: Option<u64> = match recompute {
        Recompute::Nothing => Some(inputs.sum()),
        Recompute::Codes => inputs.max(),
    };
    let bytes = (images as u64).saturating_mul(F32 * numbers.unwrap_or(0));
    expect("training.batch_size", bytes)
}

/// Asks for memory and gives it back; none of it is written to, so that takes no time.
fn expect(key: &str, bytes: u64) -> Result<(), ConfigError> {
    let mut memory = Vec::<u8>::new();
    let given = usize::try_from(bytes).is_ok_and(|bytes| memory.try_reserve_exact(bytes).is_ok());
    // Or the compiler sees that nobody uses it, and leaves the question out.
    black_box(&memory);
    if given {
        return Ok(());
    }
    Err(ConfigError::Memory {
        key: key.to_string(),
        gigabytes: bytes as f64 / 1e9,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    #[test]
    fn what_no_machine_has_is_refused_by_name() {
        let network = presets::get("digits").unwrap().network;
        expect_network(&network).unwrap();
        expect_step(&network, Recompute::Nothing, 128).unwrap();
        for recompute in [Recompute::Nothing, Recompute::Codes] {
            let error = expect_step(&network, recompute, 1 << 56).unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with("training.batch_size needs ")
                    && message.ends_with(" than there is"),
                "{message}"
            );
        }
    }
}
