//! Whether there is room for a batch.

use scn_data::MemoryError;

use super::Network;
use crate::config::Recompute;
use crate::memory::code_bytes;

impl Network {
    /// That there is room for a training step with so many images; always on a graphics processor,
    /// which has its own memory.
    ///
    /// Counted are the codes of all layers, or of the largest where others are computed again. To
    /// be asked once, before the first step: later, memory that will be used again does not count
    /// as free.
    ///
    /// # Errors
    /// [`MemoryError`].
    pub fn check_training_memory(&self, images: usize) -> Result<(), MemoryError> {
        let codes = code_bytes(&self.config, images);
        self.executor.check_memory(match self.recompute {
            Recompute::Nothing => codes.fold(0, u64::saturating_add),
            _ => codes.max().unwrap_or(0),
        })
    }

    /// That there is room for inference with so many images at a time; the rest as for
    /// [`check_training_memory`](Self::check_training_memory).
    ///
    /// # Errors
    /// [`MemoryError`].
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
