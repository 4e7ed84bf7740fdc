//! Small files of every format, made by the tests.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use image::{DynamicImage, ImageFormat};
use scn_data::{DatasetName, ImageSet};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Encodes an image as a file.
#[cfg_attr(
    not(feature = "pictures"),
    allow(dead_code, reason = "only pictures are encoded")
)]
pub(crate) fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture
        .into()
        .write_to(&mut bytes, format)
        .expect("memory and a known format");
    bytes.into_inner()
}

/// Returns an IDX file with the given first number and sizes.
pub(crate) fn idx(kind: u32, sizes: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend_from_slice(body);
    bytes
}

/// Returns an IDX file of `count` black MNIST images.
pub(crate) fn mnist_images(count: usize) -> Vec<u8> {
    idx(2051, &[count as u32, 28, 28], &vec![0; count * 784])
}

pub(crate) fn mnist_labels(labels: &[u8]) -> Vec<u8> {
    idx(2049, &[labels.len() as u32], labels)
}

/// Returns a MATLAB file of level 5 with these elements.
pub(crate) fn mat(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"MATLAB 5.0 MAT-file".to_vec();
    bytes.resize(124, b' ');
    bytes.extend([0, 1, b'I', b'M']);
    bytes.extend(elements.concat());
    bytes
}

/// Returns an element of a MATLAB file: its type, its length and its bytes, padded to a multiple of
/// 8.
pub(crate) fn mat_element(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (body.len() as u32).to_le_bytes()].concat();
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// Returns an array of a MATLAB file with the given class. Its values are stored as type `kind`.
pub(crate) fn mat_array(name: &str, class: u8, shape: &[i32], kind: u32, values: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = shape.iter().flat_map(|size| size.to_le_bytes()).collect();
    let parts = [
        mat_element(6, &[class, 0, 0, 0, 0, 0, 0, 0]),
        mat_element(5, &sizes),
        mat_element(1, name.as_bytes()),
        mat_element(kind, values),
    ];
    mat_element(14, &parts.concat())
}

/// Returns the compressed form of an element.
pub(crate) fn mat_packed(element: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(element).expect("memory");
    let stream = encoder.finish().expect("memory");
    let length = (stream.len() as u32).to_le_bytes();
    [&15_u32.to_le_bytes()[..], &length, &stream].concat()
}

/// Returns an SVHN file with black images and these labels.
pub(crate) fn svhn(labels: &[u8]) -> Vec<u8> {
    let count = labels.len() as i32;
    let pixels = vec![0; labels.len() * 3072];
    mat(&[
        mat_packed(&mat_array("X", 9, &[32, 32, 3, count], 2, &pixels)),
        mat_packed(&mat_array("y", 9, &[count, 1], 2, labels)),
    ])
}

/// Returns ten folds, each of the images k and k + 10.
pub(crate) fn fold_indices() -> Vec<u8> {
    let line = |k| format!("{k} {}\n", k + 10);
    (0..10).map(line).collect::<String>().into_bytes()
}

/// Returns all files of the data folder of `name`: two training images and one test image in every
/// file, all black.
pub(crate) fn files(name: DatasetName) -> Vec<(&'static str, Vec<u8>)> {
    let records = |labels: &[u8], count: usize| {
        let mut record = labels.to_vec();
        record.resize(labels.len() + 3072, 0);
        record.repeat(count)
    };
    match name {
        DatasetName::Mnist => vec![
            ("train-images-idx3-ubyte", mnist_images(2)),
            ("train-labels-idx1-ubyte", mnist_labels(&[3, 9])),
            ("t10k-images-idx3-ubyte", mnist_images(1)),
            ("t10k-labels-idx1-ubyte", mnist_labels(&[0])),
        ],
        DatasetName::Cifar10 => vec![
            ("data_batch_1.bin", records(&[1], 2)),
            ("data_batch_2.bin", records(&[2], 2)),
            ("data_batch_3.bin", records(&[3], 2)),
            ("data_batch_4.bin", records(&[4], 2)),
            ("data_batch_5.bin", records(&[9], 2)),
            ("test_batch.bin", records(&[0], 1)),
        ],
        DatasetName::Cifar100 => {
            vec![
                ("train.bin", records(&[19, 99], 2)),
                ("test.bin", records(&[0, 7], 1)),
            ]
        }
        DatasetName::Svhn => vec![
            ("train_32x32.mat", svhn(&[10, 3])),
            ("test_32x32.mat", svhn(&[1])),
        ],
        DatasetName::Stl10 => vec![
            ("train_X.bin", vec![0; 2 * 27648]),
            ("train_y.bin", vec![1, 10]),
            ("test_X.bin", vec![0; 27648]),
            ("test_y.bin", vec![5]),
        ],
        other => panic!("no files are made for {other}"),
    }
}

/// Writes a data folder with these files of `name`.
pub(crate) fn folder(name: DatasetName, files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let data = tempfile::tempdir().expect("a temporary folder");
    let folder = data
        .path()
        .join(name.folder().expect("a data set with files"));
    fs::create_dir(&folder).expect("a fresh folder");
    for (file, bytes) in files {
        write(&folder.join(file), bytes);
    }
    data
}

pub(crate) fn write(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).expect("a writable folder");
}

/// Returns images whose pixels a linear congruential generator scatters over all byte values, with
/// labels 0 to 4 in turn.
pub(crate) fn scattered(count: usize, shape: [usize; 3]) -> ImageSet {
    let volume: usize = shape.iter().product();
    let mut state = 1u32;
    let pixels = (0..count * volume)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let labels = (0..count).map(|image| (image % 5) as u16).collect();
    let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    ImageSet::new(pixels, shape, labels, names, 255).expect("consistent")
}

/// Returns the pixels of a set of bytes.
pub(crate) fn bytes(images: &ImageSet) -> &[u8] {
    images.pixels().bytes().expect("bytes")
}

/// Returns the pixels of one image in a set of bytes.
pub(crate) fn image_bytes(images: &ImageSet, image: usize) -> &[u8] {
    images.image(image).bytes().expect("bytes")
}
