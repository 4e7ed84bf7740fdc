//! Detection of values that are not finite.
//!
//! Solvers give columns that are not finite the code zero, and report this. On the CPU, the sparse
//! coding layer turns it into an error. For GPUs, it is checked here once their reports have
//! arrived.

use crate::error::NetError;
use crate::moments::GroupMoments;
use crate::param::Param;
use crate::report::Activity;
use crate::tensor::Tensor;

/// Checks that all pixels of a batch are finite.
pub(crate) fn check_pixels(images: &Tensor) -> Result<(), NetError> {
    let Some(at) = first_non_finite(images) else {
        return Ok(());
    };
    let shape = images.shape();
    let (row, image) = (at / shape.width, at / (shape.width * shape.height));
    Err(NetError::Pixel {
        image: image % shape.images,
        channel: at / shape.positions(),
        row: row % shape.height,
        column: at % shape.width,
        found: images.data()[at],
    })
}

/// Checks that all logits (classes × images) are finite.
pub(crate) fn check_logits(logits: &Tensor) -> Result<(), NetError> {
    match first_non_finite(logits) {
        None => Ok(()),
        Some(at) => Err(NetError::Overflow {
            image: Some(at % logits.shape().positions()),
            what: "the logits".to_string(),
        }),
    }
}

/// Checks that every sparse coding layer has encoded every window of the batch.
pub(crate) fn check_activity(activity: &[Activity]) -> Result<(), NetError> {
    match uncoded(activity) {
        None => Ok(()),
        Some(layer) => Err(NetError::Overflow {
            image: None,
            what: signals_of(&format!("layer{layer}")),
        }),
    }
}

/// Checks that the moments of all groups of a batch are finite. An infinite variance would make the
/// whole batch zero.
pub(crate) fn check_moments(layer: &str, groups: &[GroupMoments]) -> Result<(), NetError> {
    let finite = |group: &GroupMoments| {
        let mut both = group.moments.mean.iter().chain(&group.moments.variance);
        both.all(|moment| moment.is_finite())
    };
    if groups.iter().all(finite) {
        return Ok(());
    }
    Err(NetError::Overflow {
        image: None,
        what: format!("the moments of {layer}"),
    })
}

/// Returns the first sparse coding layer with a window that is not finite. The residual of such a
/// layer is NaN.
pub(crate) fn uncoded(activity: &[Activity]) -> Option<usize> {
    activity.iter().position(|done| done.residual.is_nan())
}

/// Returns the name of a sparse coding layer's input in error messages.
pub(crate) fn signals_of(layer: &str) -> String {
    format!("the signals of {layer}")
}

/// Returns the name of the first array whose gradient has an entry that is not finite.
pub(crate) fn broken_gradient<'a>(
    mut params: impl Iterator<Item = (String, &'a Param)>,
) -> Option<String> {
    let broken = |param: &Param| param.grad.iter().any(|value| !value.is_finite());
    params
        .find(|(_, param)| broken(param))
        .map(|(name, _)| name)
}

/// Returns the index of the first entry that is not finite. There is no early exit within a block,
/// which keeps the search fast.
fn first_non_finite(tensor: &Tensor) -> Option<usize> {
    const BLOCK: usize = 1024;
    let blocks = tensor.data().chunks(BLOCK);
    let broken = |block: &[f32]| {
        !block
            .iter()
            .fold(true, |all, value| all & value.is_finite())
    };
    let (index, block) = blocks.enumerate().find(|(_, block)| broken(block))?;
    let within = block.iter().position(|value| !value.is_finite())?;
    Some(index * BLOCK + within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    /// Locates a pixel in a batch whose extents all differ and that is longer than a block.
    #[test]
    fn the_first_pixel_is_named() {
        let (images, channels, height, width) = (5, 3, 7, 20);
        let mut pixels = vec![0.5_f32; images * channels * height * width];
        let shape = Shape {
            channels,
            images,
            height,
            width,
        };
        let tensor = |pixels: &[f32]| Tensor::from_images(pixels, shape).unwrap();
        check_pixels(&tensor(&pixels)).unwrap();
        // Image 3, channel 2, row 4, column 19.
        pixels[((3 * channels + 2) * height + 4) * width + 19] = f32::INFINITY;
        let message = check_pixels(&tensor(&pixels)).unwrap_err().to_string();
        assert_eq!(
            message,
            "image 3: expected finite pixels, found inf at [2, 4, 19]"
        );
    }

    #[test]
    fn the_image_of_a_logit_is_named() {
        let shape = Shape {
            channels: 2,
            images: 3,
            height: 1,
            width: 1,
        };
        let logits = Tensor::new(shape, vec![0.0, 0.0, 0.0, 0.0, f32::NAN, 0.0]).unwrap();
        let error = check_logits(&logits).unwrap_err().counted_from(128);
        assert_eq!(error.image(), Some(129));
    }
}
