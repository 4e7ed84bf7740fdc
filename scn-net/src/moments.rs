//! The moments of a batch that batch normalisation uses.

/// Mean and (biased) variance of each channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChannelMoments {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// The moments of a group of images.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GroupMoments {
    /// Number of images.
    pub(crate) images: usize,
    pub(crate) moments: ChannelMoments,
}
