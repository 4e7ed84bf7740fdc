//! Lower bounds on the memory of a network, checked before it is allocated.

use scn_data::{MemoryError, bytes_of, check_memory};

use crate::config::NetworkConfig;

/// Checks that there is room for a network: each weight with its gradient and momentum, and each
/// Gram matrix with a copy in the layout of the kernels.
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

/// Returns the size in bytes of the codes of each sparse coding layer, for `images` images.
pub(crate) fn code_bytes(config: &NetworkConfig, images: usize) -> impl Iterator<Item = u64> {
    let [_, mut height, mut width] = config.input;
    config.layers.iter().map(move |layer| {
        // Windows are padded so that stride 1 keeps the size of the map.
        height = height.div_ceil(layer.stride);
        width = width.div_ceil(layer.stride);
        bytes_of::<f32>(&[images, layer.atoms, height, width])
    })
}
