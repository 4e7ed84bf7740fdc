//! CIFAR-10 and CIFAR-100 in their binary versions: records of labels and three planes.
//!
//! A record is one label byte (CIFAR-10) or a coarse and a fine one (CIFAR-100), followed by the
//! red, green and blue planes of 32 x 32 bytes each, row by row. This is exactly the order of
//! [`ImageSet`].

use std::path::Path;

use super::{Contents, class_names};
use crate::dataset::Dataset;
use crate::dataset_name::DatasetName;
use crate::error::DataError;
use crate::folder::Folder;
use crate::images::ImageSet;

const PIXELS: usize = 3 * 32 * 32;

/// The layout of the files of CIFAR-10 or CIFAR-100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Number of values of each label byte at the start of a record.
    label_values: &'static [u16],
    /// Index of the label that is used.
    label: usize,
    train_files: &'static [&'static str],
    test_file: &'static str,
    names_file: &'static str,
    /// The names if that file does not exist; if empty, the names are numbers.
    known_names: &'static [&'static str],
}

/// The layout of CIFAR-10: five training files, and one label per record.
pub const CIFAR10: Layout = Layout {
    label_values: &[10],
    label: 0,
    train_files: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test_file: "test_batch.bin",
    names_file: "batches.meta.txt",
    known_names: &[
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ],
};

/// The layout of CIFAR-100 with its 100 fine labels: one training file, and a coarse and a fine
/// label per record.
pub const CIFAR100: Layout = Layout {
    label_values: &[20, 100],
    label: 1,
    train_files: &["train.bin"],
    test_file: "test.bin",
    names_file: "fine_label_names.txt",
    known_names: &[],
};

/// The layout of CIFAR-100 with its 20 coarse labels: the same files as [`CIFAR100`], with five
/// fine classes in each coarse one.
pub const CIFAR100_COARSE: Layout = Layout {
    label: 0,
    names_file: "coarse_label_names.txt",
    ..CIFAR100
};

/// Appends the images and labels of one file to `pixels` and `labels`.
///
/// # Errors
/// Returns [`FileError::Short`](crate::FileError::Short) if the file has no complete record,
/// [`FileError::PartialRecord`](crate::FileError::PartialRecord) if it ends inside a record, and
/// [`FileError::Label`](crate::FileError::Label) if a label is out of range. In the last case, the
/// records before the invalid label have been appended, each with its label.
pub fn records(
    contents: Contents<'_>,
    layout: &Layout,
    pixels: &mut Vec<u8>,
    labels: &mut Vec<u16>,
) -> Result<(), DataError> {
    let label_bytes = layout.label_values.len();
    let records = contents.records(label_bytes + PIXELS)?;
    pixels.reserve(records.len() * PIXELS);
    labels.reserve(records.len());
    for (index, record) in records.enumerate() {
        let (values, picture) = record.split_at(label_bytes);
        let mut label = 0;
        // The unused label is checked too: if it is invalid, the records have a different layout.
        for (place, (&value, &count)) in values.iter().zip(layout.label_values).enumerate() {
            let value = contents.label(index, value, 0, count - 1)?;
            if place == layout.label {
                label = value;
            }
        }
        labels.push(label);
        pixels.extend_from_slice(picture);
    }
    Ok(())
}

/// Reads CIFAR-100 with its 20 coarse labels, from the folder `cifar-100-binary` inside `data`.
///
/// The images are those of [`open`](crate::open), in the same order. The class names are the lines
/// of `coarse_label_names.txt`, or numbers if that file does not exist. [`ImageSet::classes`] is
/// 20, while [`DatasetName::classes`] counts the fine labels.
///
/// # Errors
/// Same as [`open`](crate::open).
pub fn open_coarse(data: &Path) -> Result<Dataset, DataError> {
    let name = DatasetName::Cifar100;
    let (train, test) = train_and_test(&Folder::new(name, data), &CIFAR100_COARSE)?;
    Dataset::new(name, train, test)
}

/// Reads the training and test images in the folder.
pub(crate) fn train_and_test(
    folder: &Folder,
    layout: &Layout,
) -> Result<(ImageSet, ImageSet), DataError> {
    let known = match layout.known_names {
        [] => class_names::numbers(
            layout
                .label_values
                .get(layout.label)
                .copied()
                .map_or(0, usize::from),
        ),
        names => class_names::owned(names),
    };
    let names = class_names::read_or(folder, layout.names_file, known)?;
    let set = |files: &[&str]| {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for name in files {
            let (file, bytes) = folder.read(&[name])?;
            records(
                Contents::new(&bytes, &file),
                layout,
                &mut pixels,
                &mut labels,
            )?;
        }
        ImageSet::new(pixels, [3, 32, 32], labels, names.clone(), u8::MAX)
    };
    Ok((set(layout.train_files)?, set(&[layout.test_file])?))
}
