//! Images passed to `scn predict` must be complete, and are turned upright.

use std::path::Path;

use image::imageops::rotate90;
use image::{ImageFormat, Rgb, RgbImage};

use crate::mistakes::fails;
use crate::{json, scn, train_small};

/// Returns an image with four different corners, larger than the digits.
fn picture() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| {
        let inside = x >= 16 && y < 16;
        Rgb([
            if inside { 250 } else { (4 * x) as u8 / 4 },
            3 * y as u8,
            90,
        ])
    })
}

/// Predicts a single image: in a batch, the last bits depend on the position.
fn prediction(model: &Path, picture: &Path) -> serde_json::Value {
    let mut command = scn();
    command
        .args(["predict", "--top", "10", "--model"])
        .arg(model);
    json(command.arg(picture))[0]["classes"].clone()
}

#[test]
fn truncated_images_are_refused_and_rotated_images_are_turned_upright() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = at("run");
    train_small(&run, &["--quiet"]).assert().success();
    let model = run.join("model.safetensors");
    picture().save(at("stored.jpg")).unwrap();
    picture().save(at("stored.png")).unwrap();

    for name in ["stored.jpg", "stored.png"] {
        let whole = std::fs::read(at(name)).unwrap();
        for length in [0, 1, 20, whole.len() / 2, whole.len() - 2] {
            let half = at(&format!("half-{name}"));
            std::fs::write(&half, &whole[..length]).unwrap();
            let mut command = scn();
            command.args(["predict", "--model"]).arg(&model).arg(&half);
            let says = ["half-stored", "must be a complete PNG or JPEG file"];
            fails(&mut command, &says);
        }
    }

    // Orientation 6: the stored image is displayed rotated to the right.
    let stored = std::fs::read(at("stored.jpg")).unwrap();
    let exif =
        b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&stored[..2], exif, &stored[2..]].concat();
    std::fs::write(at("turned.jpg"), turned).unwrap();
    let upright = rotate90(&image::open(at("stored.jpg")).unwrap().to_rgb8());
    upright
        .save_with_format(at("upright"), ImageFormat::Png)
        .unwrap();
    let [turned, upright, stored] =
        ["turned.jpg", "upright", "stored.jpg"].map(|name| prediction(&model, &at(name)));
    assert_eq!(turned, upright);
    assert_ne!(turned, stored);
}
