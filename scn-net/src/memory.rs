//! The memory that a network takes at least, known before it is taken.

use scn_data::{MemoryError, bytes_of, check_memory};

use crate::config::NetworkConfig;

/// That there is room for a network: for each weight its gradient and its momentum beside it, and
/// each Gram matrix once more in the order of the kernels.
pub(crate) fn check_network(config: &NetworkConfig) -> Result<(), MemoryError> {
    let (weights, gram) = config.sizes();
    let numbers = weights
        .saturating_mul(3)
        .saturating_add(gram.saturating_mul(2));
    check_memory(
        "the network",
        numbers.saturating_mul(size_of::<f32>() as u64),
    )
}

/// The bytes of the codes of each sparse coding layer for so many images.
pub(crate) fn code_bytes(config: &NetworkConfig, images: usize) -> impl Iterator<Item = u64> {
    let [_, mut height, mut width] = config.input;
    config.layers.iter().map(move |layer| {
        // Windows are padded so that stride 1 keeps the size of the map.
        height = height.div_ceil(layer.stride);
        width = width.div_ceil(layer.stride);
        bytes_of::<f32>(&[images, layer.atoms, height, width])
    })
}
