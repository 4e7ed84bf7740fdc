//! Every format is read correctly: orientation, order of the channels, labels and class names.

use crate::common::{bytes, files, folder, gzip, write};
use scn_data::format::cifar;
use scn_data::{DatasetName, ImageSet};

/// Sets one byte of one of the files.
fn set(files: &mut [(&'static str, Vec<u8>)], name: &str, at: usize, value: u8) {
    let (_, bytes) = files
        .iter_mut()
        .find(|(file, _)| *file == name)
        .expect("one of the files");
    bytes[at] = value;
}

/// Checks that `images` are black except for one pixel.
fn assert_only_pixel(images: &ImageSet, image: usize, [c, y, x]: [usize; 3], value: u8) {
    let [channels, height, width] = images.shape();
    let mut expected = vec![0; bytes(images).len()];
    expected[((image * channels + c) * height + y) * width + x] = value;
    let lit = |pixels: &[u8]| pixels.iter().position(|&pixel| pixel > 0);
    assert_eq!(lit(bytes(images)), lit(&expected));
    assert!(bytes(images) == expected);
}

#[test]
fn mnist_is_stored_row_by_row_packed_or_not() {
    let name = DatasetName::Mnist;
    let mut plain = files(name);
    set(
        &mut plain,
        "train-images-idx3-ubyte",
        16 + 784 + 3 * 28 + 20,
        200,
    );
    let packed: Vec<_> = plain
        .iter()
        .map(|(file, bytes)| (format!("{file}.gz"), gzip(bytes)))
        .collect();
    let packed: Vec<_> = packed
        .iter()
        .map(|(file, bytes)| (file.as_str(), bytes.clone()))
        .collect();
    // Compression is detected from the contents: names without .gz may be compressed, too.
    let unnamed: Vec<_> = plain
        .iter()
        .map(|(file, bytes)| (*file, gzip(bytes)))
        .collect();
    for files in [&plain[..], &packed, &unnamed] {
        let data = folder(name, files);
        let mnist = scn_data::open(name, data.path()).expect("whole");
        assert_only_pixel(&mnist.train, 1, [0, 3, 20], 200);
        assert_eq!(
            (mnist.train.labels(), mnist.test.labels()),
            (&[3, 9][..], &[0][..])
        );
        assert_eq!(
            (mnist.train.shape(), mnist.train.brightest()),
            (name.shape(), 255.0)
        );
        assert_eq!(mnist.train.class_names()[9], "9");
    }
}

#[test]
fn the_plain_file_is_preferred_to_the_compressed_one() {
    let name = DatasetName::Mnist;
    let data = folder(name, &files(name));
    write(
        &data.path().join("mnist/train-labels-idx1-ubyte.gz"),
        b"not looked at",
    );
    assert_eq!(
        scn_data::open(name, data.path())
            .expect("whole")
            .train
            .len(),
        2
    );
}

#[test]
fn cifar10_has_planes_row_by_row_in_the_order_of_its_files() {
    let name = DatasetName::Cifar10;
    let mut files = files(name);
    // Second record of the third file: image 5. Green is channel 1.
    set(
        &mut files,
        "data_batch_3.bin",
        3073 + 1 + 1024 + 3 * 32 + 20,
        200,
    );
    set(&mut files, "data_batch_3.bin", 3073, 6);
    set(&mut files, "test_batch.bin", 1 + 2 * 1024 + 31, 201);
    let data = folder(name, &files);
    let cifar = scn_data::open(name, data.path()).expect("whole");
    assert_only_pixel(&cifar.train, 5, [1, 3, 20], 200);
    assert_only_pixel(&cifar.test, 0, [2, 0, 31], 201);
    assert_eq!(cifar.train.labels(), [1, 1, 2, 2, 3, 6, 4, 4, 9, 9]);
    assert_eq!(cifar.train.class_names()[6], "frog");

    let renamed = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n";
    write(
        &data.path().join("cifar-10-batches-bin/batches.meta.txt"),
        renamed.as_bytes(),
    );
    assert_eq!(
        scn_data::open(name, data.path())
            .expect("whole")
            .test
            .class_names()[6],
        "g"
    );
}

#[test]
fn cifar100_uses_the_fine_label() {
    let name = DatasetName::Cifar100;
    let mut files = files(name);
    set(
        &mut files,
        "train.bin",
        3074 + 2 + 2 * 1024 + 3 * 32 + 20,
        200,
    );
    let data = folder(name, &files);
    let cifar = scn_data::open(name, data.path()).expect("whole");
    assert_only_pixel(&cifar.train, 1, [2, 3, 20], 200);
    assert_eq!(
        (cifar.train.labels(), cifar.test.labels()),
        (&[99, 99][..], &[7][..])
    );
    assert_eq!(
        (
            cifar.train.classes(),
            cifar.train.class_names()[99].as_str()
        ),
        (100, "99")
    );

    let names: String = (0..100).map(|class| format!("class {class}\n")).collect();
    write(
        &data.path().join("cifar-100-binary/fine_label_names.txt"),
        names.as_bytes(),
    );
    assert_eq!(
        scn_data::open(name, data.path())
            .expect("whole")
            .train
            .class_names()[99],
        "class 99"
    );
}

#[test]
fn cifar100_has_coarse_labels_too() {
    let name = DatasetName::Cifar100;
    let mut files = files(name);
    set(&mut files, "train.bin", 3074 + 2 + 1024 + 3 * 32 + 20, 200);
    set(&mut files, "train.bin", 3074, 4);
    let data = folder(name, &files);
    let coarse = cifar::open_coarse(data.path()).expect("whole");
    assert_only_pixel(&coarse.train, 1, [1, 3, 20], 200);
    assert_eq!(
        (
            coarse.source.name(),
            coarse.train.labels(),
            coarse.test.labels()
        ),
        (Some(name), &[19, 4][..], &[0][..])
    );
    assert_eq!(
        (
            coarse.train.classes(),
            coarse.train.class_names()[19].as_str()
        ),
        (20, "19")
    );

    let names: String = (0..20).map(|class| format!("kind {class}\n")).collect();
    let path = data.path().join("cifar-100-binary/coarse_label_names.txt");
    write(&path, names.as_bytes());
    let coarse = cifar::open_coarse(data.path()).expect("whole");
    assert_eq!(coarse.test.class_names()[19], "kind 19");
    // The fine labels and their names are unchanged.
    let fine = scn_data::open(name, data.path()).expect("whole");
    assert_eq!(
        (fine.train.labels(), fine.train.classes()),
        (&[99, 99][..], 100)
    );
    assert_eq!(fine.train.pixels(), coarse.train.pixels());
}

#[test]
fn stl10_has_planes_column_by_column_and_comes_out_upright() {
    let name = DatasetName::Stl10;
    let mut files = files(name);
    // Row 3, column 20 of the green plane of the second image: after 20 whole columns.
    set(&mut files, "train_X.bin", 27648 + 9216 + 20 * 96 + 3, 200);
    let data = folder(name, &files);
    let stl = scn_data::open(name, data.path()).expect("whole");
    assert_only_pixel(&stl.train, 1, [1, 3, 20], 200);
    assert_eq!(
        (stl.train.labels(), stl.test.labels()),
        (&[0, 9][..], &[4][..])
    );
    assert_eq!(
        (stl.test.class_names()[4].as_str(), stl.test.shape()),
        ("deer", [3, 96, 96])
    );

    write(
        &data.path().join("stl10_binary/class_names.txt"),
        b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj",
    );
    assert_eq!(
        scn_data::open(name, data.path())
            .expect("whole")
            .test
            .class_names()[4],
        "e"
    );
}

#[test]
fn the_digits_are_all_there() {
    let digits = scn_data::open(DatasetName::Digits, std::path::Path::new("no such folder"))
        .expect("embedded");
    for (set, count) in [(&digits.train, 1437), (&digits.test, 360)] {
        assert_eq!(
            (set.len(), set.shape(), set.classes()),
            (count, DatasetName::Digits.shape(), 10)
        );
        assert_eq!(
            (set.brightest(), bytes(set).iter().max()),
            (16.0, Some(&16))
        );
        let counts: Vec<usize> = (0..10)
            .map(|class| set.labels().iter().filter(|&&label| label == class).count())
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), count);
        // "About equally many" means within a tenth of the expected number, rounded up.
        assert!(
            counts
                .iter()
                .all(|&n| n.abs_diff(count / 10) <= count.div_ceil(100)),
            "{counts:?}"
        );
    }
    // The first test image is a 2, and training images begin 0, 1, 2, ..., as in the first bytes of
    // the files.
    assert_eq!(
        (digits.train.labels()[..4].to_vec(), digits.test.labels()[0]),
        (vec![0, 1, 2, 3], 2)
    );
}
