//! The layers of a network for your own images: codes as features, and the image parts that excite
//! deep atoms.

use std::path::Path;

use approx::assert_abs_diff_eq;
use scn_net::{Model, Tensor};

use super::{SMALL, run, train, write_arrays, write_pictures};
use crate::mistakes::fails;
use crate::{read_array, scn};

#[test]
fn codes_of_a_layer_are_features_for_other_programs() {
    let folder = tempfile::tempdir().unwrap();
    write_arrays(folder.path(), "a", |pixel| pixel);
    let arguments = [&["--dataset", "npy:a"], &SMALL[..2], &["--epochs", "1"]].concat();
    train(folder.path(), "run", &arguments).assert().success();
    let encode = ["encode", "--model", "run", "--layer", "1", "--out", "F.npy"];
    let of_set = run(
        folder.path(),
        &[&encode[..], &["--labels", "y.npy"]].concat(),
    );
    assert_eq!(of_set["shape"], serde_json::json!([10, 12, 4, 4]));
    let (_, whole) = read_array::<f32>(&folder.path().join("F.npy"));
    let (_, labels) = read_array::<u16>(&folder.path().join("y.npy"));
    assert_eq!(labels, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);

    // The codes equal those of the library.
    let model = Model::load(&folder.path().join("run/model.safetensors")).unwrap();
    let data = scn_data::open_source(
        &format!("npy:{}", folder.path().join("a").display())
            .parse()
            .unwrap(),
        Path::new(""),
        &Default::default(),
    );
    let normalization = model.input.normalization.clone().unwrap().into();
    let loader = scn_data::Loader::in_order(data.unwrap().test.into(), normalization, 10).unwrap();
    let images = Tensor::from_batch(&loader.epoch(0, 0).next().unwrap()).unwrap();
    let codes = model.network.codes(images, 1).unwrap();
    for (image, found) in whole.chunks_exact(12 * 16).enumerate() {
        for (atom, found) in found.chunks_exact(16).enumerate() {
            assert_eq!(found, &codes.channel(atom)[image * 16..][..16]);
        }
    }
    let active = whole.iter().filter(|&&code| code != 0.0).count() as f64 / whole.len() as f64;
    assert_abs_diff_eq!(of_set["active"].as_f64().unwrap(), active, epsilon = 1e-12);

    // Pooled codes are means over the map. Images can also come from an array file, or be part of
    // the training images.
    let images = ["--images", "a-test-images.npy", "--pooled"];
    run(folder.path(), &[&encode[..], &images].concat());
    let (shape, pooled) = read_array::<f32>(&folder.path().join("F.npy"));
    assert_eq!(shape, [10, 12]);
    for (mean, codes) in pooled.iter().zip(whole.chunks_exact(16)) {
        // Sixteen numbers summed in f64, and rounded once.
        let exact = codes.iter().map(|&code| f64::from(code)).sum::<f64>() / 16.0;
        assert_abs_diff_eq!(
            f64::from(*mean),
            exact,
            epsilon = exact * f64::from(f32::EPSILON)
        );
    }
    let part = run(
        folder.path(),
        &[&encode[..], &["--part", "train", "--limit", "5"]].concat(),
    );
    assert_eq!(part["shape"][0], 5);
    fails(
        scn()
            .current_dir(folder.path())
            .args(["encode", "--model", "run", "--out", "G", "--layer", "2"]),
        &["--layer 2", "one of the 2 sparse coding layers"],
    );
}

#[test]
fn atoms_of_deep_layers_are_shown_by_what_excites_them() {
    let folder = tempfile::tempdir().unwrap();
    write_pictures(&folder.path().join("p"), 10);
    let source = ["--dataset", "folder:p", "--test-share", "0.5"];
    train(folder.path(), "run", &[&source[..], &SMALL].concat())
        .assert()
        .success();
    let arguments = [
        "inspect", "--model", "run", "--layer", "1", "--atoms", "a.svg", "--usage",
    ];
    let inspected = run(folder.path(), &arguments);
    let shares = inspected["usage"]["shares"].as_array().unwrap();
    assert_eq!((shares.len(), shares[0].as_array().unwrap().len()), (2, 12));
    let svg = std::fs::read_to_string(folder.path().join("a.svg")).unwrap();
    let page = roxmltree::Document::parse(&svg).unwrap();
    let texts = page.descendants().filter(|node| node.has_tag_name("text"));
    let captions: Vec<&str> = texts.filter_map(|node| node.text()).collect();
    // At most six parts for each of twelve atoms, from ten test images of two classes.
    assert!(captions.len() >= 12 && captions.len() <= 72, "{captions:?}");
    assert!(captions.iter().all(|caption| {
        [": discs", ": crosses", ": unused"]
            .iter()
            .any(|end| caption.ends_with(end))
    }));
    let shown = scn()
        .current_dir(folder.path())
        .args(&arguments[..5])
        .arg("--usage")
        .assert()
        .success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(
        shown.contains("atom of layer 1, over 10 test images"),
        "{shown}"
    );
    fails(
        scn().current_dir(folder.path()).args([
            "inspect", "--model", "run", "--layer", "1", "--atoms", "a.png",
        ]),
        &["a.png", "a name that ends in .svg"],
    );
}
