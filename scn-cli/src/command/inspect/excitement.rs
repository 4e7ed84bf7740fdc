//! The parts of images that most excite the atoms of a layer: those with their largest codes.

use anyhow::Result;
use scn_data::{ImageSet, Loader};
use scn_net::{Model, NetworkConfig, Tensor};

use crate::pictures::Raster;
use crate::screen::Bar;

/// Number of parts shown for each atom.
pub(super) const SHOWN: usize = 6;

/// The largest code of an atom in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Peak {
    code: f32,
    image: usize,
    /// Row and column in the feature map.
    place: [usize; 2],
}

/// A part of an image that excites an atom, with the label of the image.
pub(super) struct Excitement {
    pub(super) label: u16,
    pub(super) part: Raster,
}

/// Returns, for each atom of a layer, the parts of the [`SHOWN`] images with its largest codes, in
/// descending order. An atom that is active in fewer images has fewer parts.
pub(super) fn excitements(
    model: &Model,
    layer: usize,
    images: &ImageSet,
    loader: &Loader,
) -> Result<Vec<Vec<Excitement>>> {
    let network = model.network.config();
    let mut peaks = vec![Vec::new(); network.layers[layer].atoms];
    let mut first = 0;
    let bar = Bar::new("searching", images.len());
    for batch in loader.epoch(0, 0) {
        let codes = model.network.codes(Tensor::from_batch(&batch)?, layer)?;
        for (atom, peaks) in peaks.iter_mut().enumerate() {
            peaks.extend(largest_codes(&codes, atom, first));
            // The sort is stable, so equal codes stay in the order of their images.
            peaks.sort_by(|a: &Peak, b: &Peak| b.code.total_cmp(&a.code));
            peaks.truncate(SHOWN);
        }
        first += batch.labels.len();
        bar.advance(batch.labels.len());
    }
    let field = ReceptiveField::of(network, layer);
    let part = |peak: Peak| {
        let image = Raster::of_image(images.image(peak.image), images.shape(), images.brightest());
        Excitement {
            label: images.labels()[peak.image],
            part: image.around(peak.place.map(|side| side * field.step), [field.side; 2]),
        }
    };
    let parts = |peaks: Vec<Peak>| peaks.into_iter().map(&part).collect();
    Ok(peaks.into_iter().map(parts).collect())
}

/// Returns the largest code of an atom in each image of a batch in which it is active. `first` is
/// the index of the batch's first image among all images.
fn largest_codes(codes: &Tensor, atom: usize, first: usize) -> impl Iterator<Item = Peak> {
    let shape = codes.shape();
    let plane = shape.height * shape.width;
    let images = codes.channel(atom).chunks_exact(plane).enumerate();
    images.filter_map(move |(image, codes)| {
        // `max_by` returns the last maximum, so reverse the order to get the first.
        let places = codes.iter().enumerate().rev();
        let (at, &code) = places.max_by(|a, b| a.1.total_cmp(b.1))?;
        (code > 0.0).then_some(Peak {
            code,
            image: first + image,
            place: [at / shape.width, at % shape.width],
        })
    })
}

/// The pixels that a code depends on.
#[derive(Debug, PartialEq, Eq)]
struct ReceptiveField {
    /// Distance between the centres of neighbouring codes, in pixels.
    step: usize,
    /// Height and width in pixels.
    side: usize,
}

impl ReceptiveField {
    fn of(network: &NetworkConfig, layer: usize) -> Self {
        let mut field = Self { step: 1, side: 1 };
        for layer in &network.layers[..=layer] {
            field.side += (network.window - 1) * field.step;
            field.step *= layer.stride;
        }
        field
    }
}

#[cfg(test)]
mod tests {
    use scn_net::{LayerConfig, Shape};

    use super::*;

    #[test]
    fn fields_grow_by_windows_and_strides() {
        let layers = vec![
            LayerConfig::new(8, 1),
            LayerConfig::new(8, 2),
            LayerConfig::new(8, 1),
        ];
        let network = NetworkConfig::new([1, 32, 32], 2, layers);
        let field = |layer| ReceptiveField::of(&network, layer);
        assert_eq!(field(0), ReceptiveField { step: 1, side: 3 });
        assert_eq!(field(1), ReceptiveField { step: 2, side: 5 });
        // A window of three codes that are two pixels apart: 5 + 2 · 2.
        assert_eq!(field(2), ReceptiveField { step: 2, side: 9 });
    }

    #[test]
    fn peaks_are_the_first_largest_codes_of_images_that_have_one() {
        let shape = Shape {
            channels: 2,
            images: 3,
            height: 2,
            width: 2,
        };
        let mut codes = vec![0.0; 24];
        // Atom 1 is active in image 0 at (1, 0), and in image 2 at (0, 1) and equally at (1, 1).
        (codes[12 + 2], codes[20 + 1], codes[20 + 3]) = (0.5, 2.0, 2.0);
        let codes = Tensor::new(shape, codes).unwrap();
        let peak = |code, image, place| Peak { code, image, place };
        let found: Vec<Peak> = largest_codes(&codes, 1, 100).collect();
        assert_eq!(found, [peak(0.5, 100, [1, 0]), peak(2.0, 102, [0, 1])]);
        assert_eq!(largest_codes(&codes, 0, 0).count(), 0);
    }
}
