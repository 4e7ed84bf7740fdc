//! Checks that there is enough memory for a batch.

use scn_data::MemoryError;

use super::Network;
use crate::config::Recompute;
use crate::memory::code_bytes;

impl Network {
    /// Checks that there is enough memory for a training step with `images` images. Always succeeds
    /// on a GPU, which has its own memory.
    ///
    /// Counts the codes of all layers, or of the largest layer if the others are recomputed. Call
    /// it once before the first step: afterwards, memory kept for reuse does not count as free.
    ///
    /// # Errors
    /// Returns [`MemoryError`] if there is not enough memory.
    pub fn check_training_memory(&self, images: usize) -> Result<(), MemoryError> {
        let codes = code_bytes(&self.config, images);
        self.executor.check_memory(match self.recompute {
            Recompute::Nothing => codes.fold(0, u64::saturating_add),
            _ => codes.max().unwrap_or(0),
        })
    }

    /// Same as [`check_training_memory`](Self::check_training_memory), but for inference with
    /// `images` images at a time.
    ///
    /// # Errors
    /// Returns [`MemoryError`] if there is not enough memory.
    pub fn check_inference_memory(&self, images: usize) -> Result<(), MemoryError> {
        let largest = code_bytes(&self.config, images).max();
        self.executor.check_memory(largest.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{ConfigError, NetError};
    use crate::memory::code_bytes;
    use crate::network::Network;
    use crate::presets;

    #[test]
    fn a_network_that_no_memory_holds_is_refused() {
        let mut config = presets::get("digits").expect("there").network;
        config
            .layers
            .iter_mut()
            .for_each(|layer| layer.atoms = 1 << 16);
        config.window = 255;
        // 65,536 atoms of 65,536 x 255 x 255 numbers: petabytes.
        let error = Network::new(&config, 0).expect_err("petabytes");
        assert!(
            matches!(error, ConfigError::Net(NetError::Memory(_))),
            "{error}"
        );
        assert!(
            error.to_string().contains("the network would take"),
            "{error}"
        );
    }

    #[test]
    fn the_codes_of_a_batch_are_counted() {
        let config = presets::get("digits").expect("there").network;
        let network = Network::new(&config, 0).expect("small");
        let [_, height, width] = config.input;
        let mut map = (height, width);
        let mut all = 0;
        for layer in &config.layers {
            map = (map.0.div_ceil(layer.stride), map.1.div_ceil(layer.stride));
            all += 4 * layer.atoms * map.0 * map.1;
        }
        assert_eq!(code_bytes(&config, 1).sum::<u64>(), all as u64);
        assert!(network.check_training_memory(32).is_ok());
        assert!(network.check_inference_memory(32).is_ok());
        for images in [1 << 50, usize::MAX] {
            let error = network
                .check_training_memory(images)
                .expect_err("petabytes");
            assert!(error.needed >= (1 << 50) * 4, "{error}");
            assert!(network.check_inference_memory(images).is_err());
        }
    }
}
