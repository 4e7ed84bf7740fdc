//! Patches of images: `scn solve`, `scn learn` and `scn reconstruct` with `--patches`.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use scn_data::format::npy::{Float, Kind};

use crate::mistakes::fails;
use crate::{json, noise, read_array, scn, write_array};

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| noise(at) as f32).collect()
}

/// Returns the command with these arguments, to be run in a folder.
fn run(folder: &Path, line: &str) -> Command {
    let mut command = scn();
    command.current_dir(folder).args(line.split_whitespace());
    command
}

/// Returns the patches [h, w] of images N, C, H, W in order, cut at the given rows and columns.
/// Written independently of the program.
fn patches(
    pixels: &[f32],
    [count, channels, height, width]: [usize; 4],
    [high, wide]: [usize; 2],
    [tops, lefts]: [&[usize]; 2],
) -> Vec<Vec<f32>> {
    let mut patches = Vec::new();
    for picture in 0..count {
        for (&top, &left) in tops
            .iter()
            .flat_map(|top| lefts.iter().map(move |left| (top, left)))
        {
            let mut patch = Vec::new();
            for channel in 0..channels {
                for y in top..top + high {
                    for x in left..left + wide {
                        let plane = picture * channels + channel;
                        patch.push(pixels[(plane * height + y) * width + x]);
                    }
                }
            }
            patches.push(patch);
        }
    }
    patches
}

/// Writes columns as an array [m, P] in Fortran order, which is the order of patches.
fn write_columns(path: &Path, columns: &[Vec<f32>]) {
    let mut bytes = Kind::F4.head(&[columns[0].len(), columns.len()], true);
    columns
        .iter()
        .for_each(|column| f32::append(column, &mut bytes));
    fs::write(path, bytes).unwrap();
}

fn without_means(columns: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let without = |column: &Vec<f32>| {
        let sum: f64 = column.iter().copied().map(f64::from).sum();
        let mean = sum / column.len() as f64;
        let entries = column.iter();
        entries
            .map(|&entry| (f64::from(entry) - mean) as f32)
            .collect()
    };
    columns.iter().map(without).collect()
}

/// The codes of arrays of several blocks, with channels first and last, are bit-identical to those
/// of the matrix of all patches.
#[test]
fn codes_equal_those_of_the_matrix_of_patches() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let shape = [2, 3, 200, 190];
    let pixels = numbers(shape.iter().product());
    write_array(&at("X.npy"), &shape.map(|side| side as u64), &pixels);
    let mut last = Vec::new();
    for picture in pixels.chunks_exact(3 * 200 * 190) {
        let pixel = |at: usize| [0, 1, 2].map(|channel| picture[channel * 200 * 190 + at]);
        last.extend((0..200 * 190).flat_map(pixel));
    }
    write_array(&at("L.npy"), &[2, 200, 190, 3], &last);
    write_array(&at("D.npy"), &[27, 20], &numbers(27 * 20));
    // 199 - 2 is not a multiple of 2, so the last row of patches is at 197.
    let tops: Vec<usize> = (0..197).step_by(2).chain([197]).collect();
    let lefts: Vec<usize> = (0..187).step_by(2).chain([187]).collect();
    let columns = patches(&pixels, shape, [3, 3], [&tops, &lefts]);
    for remove_means in [false, true] {
        let (columns, option) = match remove_means {
            false => (columns.clone(), ""),
            true => (without_means(&columns), "--remove-means"),
        };
        write_columns(&at("P.npy"), &columns);
        let solve = "solve --dictionary D.npy --lambda1 0.2 --signed --out";
        let report = json(&mut run(
            folder.path(),
            &format!("{solve} P.codes.npy --signals P.npy"),
        ));
        assert_eq!(report["columns"], columns.len());
        for pictures in ["X.npy", "L.npy"] {
            let line =
                format!("{solve} A.npy --signals {pictures} --patches 3x3 --stride 2 {option}");
            assert_eq!(
                json(&mut run(folder.path(), &line))["columns"],
                columns.len()
            );
            assert!(fs::read(at("A.npy")).unwrap() == fs::read(at("P.codes.npy")).unwrap());
        }
    }
    // Other ways to find codes of patches: a pursuit, and a fraction of the largest lambda1.
    for more in ["--atoms 2", "--lambda1-fraction 0.5 --signed"] {
        let solve = format!("solve --dictionary D.npy {more} --out");
        let matrix = format!("{solve} P.codes.npy --signals P.npy");
        run(folder.path(), &matrix).assert().success();
        let pictures =
            format!("{solve} A.npy --signals X.npy --patches 3x3 --stride 2 --remove-means");
        run(folder.path(), &pictures).assert().success();
        assert!(fs::read(at("A.npy")).unwrap() == fs::read(at("P.codes.npy")).unwrap());
    }
}

/// The dictionary is the identity, so codes are the patches themselves and images are restored in
/// their shape for every stride.
#[test]
fn images_are_restored_in_their_shape() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let arrays: [(&[u64], usize); 5] = [
        (&[13, 11], 1),
        (&[13, 11, 3], 3),
        (&[2, 13, 11], 1),
        (&[2, 3, 13, 11], 3),
        (&[2, 13, 11, 3], 3),
    ];
    for (shape, channels) in arrays {
        let pixels = numbers(shape.iter().product::<u64>() as usize);
        write_array(&at("X.npy"), shape, &pixels);
        let rows = 12 * channels;
        let unit = |at: usize| f32::from(u8::from(at / rows == at % rows));
        let unit: Vec<f32> = (0..rows * rows).map(unit).collect();
        write_array(&at("D.npy"), &[rows as u64; 2], &unit);
        for options in [
            "--stride 3",
            "--stride 1 --remove-means",
            "--stride 2 --remove-means",
        ] {
            let patches = format!("--dictionary D.npy --signals X.npy --patches 4x3 {options}");
            // Without a penalty the codes are D'x.
            for (codes, more) in [("A.npy", ""), ("A.npz", "--sparse")] {
                let solve = format!("solve {patches} --lambda1 0 --signed {more} --out {codes}");
                run(folder.path(), &solve).assert().success();
                let line =
                    format!("reconstruct {patches} --codes {codes} --clean X.npy --out Y.npy");
                let report = json(&mut run(folder.path(), &line));
                let (found_shape, found) = read_array::<f32>(&at("Y.npy"));
                assert_eq!(found_shape, shape);
                assert_eq!(report["psnr_of_signals"], serde_json::Value::Null);
                // A few numbers below 1 are rounded to 24 bits, and codes are solved to a tolerance
                // of 1e-5.
                for (found, pixel) in found.iter().zip(&pixels) {
                    assert!((found - pixel).abs() < 2e-5, "{shape:?} {options} {codes}");
                }
            }
        }
    }
}

/// A colour PNG is restored byte by byte, also as an array and in grey.
#[test]
fn a_png_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let picture = image::RgbImage::from_fn(20, 17, |x, y| {
        image::Rgb([0, 1, 2].map(|c| (255.0 * noise((y * 60 + x * 3 + c) as usize)) as u8))
    });
    picture.save(at("X.png")).unwrap();
    let unit = |rows: usize| -> Vec<f32> {
        let unit = |at: usize| f32::from(u8::from(at / rows == at % rows));
        (0..rows * rows).map(unit).collect()
    };
    write_array(&at("D.npy"), &[75, 75], &unit(75));
    write_array(&at("G.npy"), &[25, 25], &unit(25));
    let both = |dictionary: &str, out: &str, more: &str| {
        let patches =
            format!("--dictionary {dictionary} --signals X.png --patches 5x5 --stride 2 {more}");
        let solve = format!("solve {patches} --lambda1 0 --signed --out A.npy");
        run(folder.path(), &solve).assert().success();
        let line = format!("reconstruct {patches} --codes A.npy --out {out}");
        json(&mut run(folder.path(), &line))
    };
    let report = both("D.npy", "Y.png", "--remove-means");
    // Rows at 0, 2, ..., 12; columns at 0, 2, ..., 14, and at 15.
    assert_eq!(
        (&report["patches"], &report["shape"]),
        (&(7 * 9).into(), &serde_json::json!([3, 17, 20]))
    );
    let found = image::open(at("Y.png")).unwrap();
    assert_eq!(found.color(), image::ColorType::Rgb8);
    assert!(found.into_rgb8() == picture);
    both("D.npy", "Y.npy", "");
    let (shape, values) = read_array::<f32>(&at("Y.npy"));
    assert_eq!(shape, [17, 20, 3]);
    for (value, &byte) in values.iter().zip(picture.as_raw()) {
        assert!((value - f32::from(byte) / 255.0).abs() < 2e-5);
    }
    both("G.npy", "Y.png", "--grey");
    let grey = image::open(at("X.png")).unwrap().into_luma8();
    let found = image::open(at("Y.png")).unwrap();
    assert_eq!(found.color(), image::ColorType::L8);
    assert!(found.into_luma8() == grey);
}

/// Differences are 0.1 before and 0 after, in floating-point numbers and in bytes.
#[test]
fn fidelity_is_the_peak_signal_to_noise_ratio() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_array(&at("D.npy"), &[4, 1], &[0.5_f32; 4]);
    // The images are constant: the code of each patch is 2 x.
    write_array(&at("A.npy"), &[1, 1], &[0.5_f32]);
    let line = "reconstruct --dictionary D.npy --codes A.npy --patches 2x2";
    write_array(&at("X.npy"), &[2, 2], &[0.35_f64; 4]);
    write_array(&at("C.npy"), &[2, 2], &[0.25_f64; 4]);
    let report = json(&mut run(
        folder.path(),
        &format!("{line} --signals X.npy --clean C.npy --out Y.npy"),
    ));
    assert_eq!(
        (&report["psnr"], &report["peak"]),
        (&serde_json::Value::Null, &1.0.into())
    );
    assert!((report["psnr_of_signals"].as_f64().unwrap() - 20.0).abs() < 1e-9);
    assert_eq!(read_array::<f64>(&at("Y.npy")).1, [0.25; 4]);
    write_array(&at("X.npy"), &[2, 2], &[80_u8; 4]);
    write_array(&at("C.npy"), &[2, 2], &[30_u8; 4]);
    write_array(&at("A.npy"), &[1, 1], &[40.0_f32]);
    let mut told = run(
        folder.path(),
        &format!("{line} --signals X.npy --clean C.npy --out Y.npy"),
    );
    let text = String::from_utf8(told.assert().success().get_output().stdout.clone()).unwrap();
    // 20 log10(255 / 10), 20 log10(255 / 50)
    assert!(
        text.contains("PSNR           28.13 dB; before 14.15 dB (peak 255)\n"),
        "{text}"
    );
    assert!(
        text.starts_with("1 image of 2 x 2 pixels, from 1 patch in "),
        "{text}"
    );
    assert!(text.ends_with("image          Y.npy\n"), "{text}");
    // Without --clean there is no PSNR.
    let report = json(&mut run(
        folder.path(),
        &format!("{line} --signals X.npy --out Y.npy"),
    ));
    assert_eq!(report["peak"], serde_json::Value::Null);
}

/// The dictionary learned from patches is bit-identical to that of their matrix. The state keeps
/// how patches were cut.
#[test]
fn dictionaries_are_learned_from_patches() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let shape = [1, 1, 60, 50];
    let pixels = numbers(60 * 50);
    write_array(&at("X.npy"), &[60, 50], &pixels);
    let tops: Vec<usize> = (0..57).collect();
    let lefts: Vec<usize> = (0..45).collect();
    let columns = without_means(&patches(&pixels, shape, [4, 6], [&tops, &lefts]));
    write_columns(&at("P.npy"), &columns);
    let learn = "learn --atoms 30 --lambda1 0.2 --signed --tolerance 0 --batch-size 300";
    let matrix = format!("{learn} --signals P.npy --epochs 2 --out P.D.npy");
    let report = json(&mut run(folder.path(), &matrix));
    assert_eq!(
        (&report["signals"], &report["held_out"]),
        (&2309.into(), &256.into())
    );
    let pictures = "--signals X.npy --atoms-picture D.png --out D.npy";
    let begun = format!("{learn} {pictures} --patches 4x6 --remove-means --epochs 1");
    run(folder.path(), &begun).assert().success();
    let resumed = format!("learn {pictures} --resume --tolerance 0 --epochs 2");
    let again = json(&mut run(folder.path(), &resumed));
    assert_eq!(again["objective"], report["objective"]);
    assert!(fs::read(at("D.npy")).unwrap() == fs::read(at("P.D.npy")).unwrap());
    // Six by five atoms of 4 x 6 pixels, enlarged 12 times, with gaps of 6.
    let picture = image::open(at("D.png")).unwrap();
    assert_eq!(
        (picture.width(), picture.height()),
        (6 * 78 + 6, 5 * 54 + 6)
    );
    // A different image is refused, and so are different patches.
    write_array(&at("X.npy"), &[60, 50], &numbers(3001)[1..]);
    fails(
        &mut run(folder.path(), &resumed),
        &[
            "X.npy: expected the 2565 signals that D.state.safetensors was started with, found others",
        ],
    );
    run(folder.path(), &format!("{resumed} --patches 4x6"))
        .assert()
        .code(2);
}

#[test]
fn errors_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_array(&at("D.npy"), &[16, 3], &numbers(48));
    write_array(&at("X.npy"), &[8, 9], &numbers(72));
    write_array(&at("A.npy"), &[3, 30], &numbers(90));
    let commands = [
        "solve --dictionary D.npy --lambda1 0.1 --out Y.npy",
        "learn --atoms 3 --lambda1 0.1 --out Y.npy",
        "reconstruct --dictionary D.npy --codes A.npy --out Y.npy",
    ];
    let refused = |line: &str, says: &[&str]| {
        fails(&mut run(folder.path(), line), says);
        assert!(!at("Y.npy").exists() && !at("Y.png").exists(), "{line}");
    };
    let mut holes = numbers(72);
    holes[40] = f32::NAN;
    write_array(&at("N.npy"), &[8, 9], &holes);
    write_array(&at("M.npy"), &[2, 3, 4, 3], &numbers(72));
    fs::write(at("broken.png"), b"\x89PNG\r\n\x1a\nand no more").unwrap();
    for command in commands {
        let with = |more: &str| format!("{command} {more}");
        refused(
            &with("--signals X.npy --patches 9x8"),
            &["X.npy: patches of 9 x 8 pixels must fit into the images, but these have 8 x 9"],
        );
        refused(
            &with("--signals N.npy --patches 4x4"),
            &["N.npy must hold finite pixels, but image 0 has a pixel of NaN"],
        );
        refused(
            &with("--signals M.npy --patches 1x1"),
            &["M.npy must hold images", "an array of shape [2, 3, 4, 3]"],
        );
        refused(
            &with("--signals broken.png --patches 4x4"),
            &["broken.png must be a complete PNG or JPEG file"],
        );
        refused(
            &with("--signals none.png --patches 4x4"),
            &["none.png must be a readable file"],
        );
        refused(
            &with("--signals X.npy --patches 4x4 --grey"),
            &["X.npy: expected a PNG or JPEG file for --grey, found an array"],
        );
        for usage in [
            "--signals X.npy --patches 0x8",
            "--signals X.npy --patches 8",
            "--signals X.npy --patches 4x4 --stride 0",
            "--signals X.npy --stride 2",
        ] {
            run(folder.path(), &with(usage)).assert().code(2);
        }
    }
    for usage in [
        "solve --dictionary D.npy --lambda1 0.1 --out Y.npy --signals X.npy --patches 4x4 --rows",
        "solve --gram D.npy --correlations X.npy --lambda1 0.1 --out Y.npy --patches 4x4",
        "reconstruct --dictionary D.npy --codes A.npy --out Y.npy --signals X.npy",
    ] {
        run(folder.path(), usage).assert().code(2);
    }
    for command in [commands[0], commands[2]] {
        refused(
            &format!("{command} --signals X.npy --patches 4x5"),
            &[
                "X.npy: expected patches of 16 entries, to match D.npy of 16 x 3, found 20 with 1 channel",
            ],
        );
    }

    let with = |more: &str| format!("reconstruct --dictionary D.npy --patches 4x4 {more}");
    write_array(&at("B.npy"), &[3, 29], &numbers(87));
    refused(
        &with("--signals X.npy --codes B.npy --out Y.npy"),
        &[
            "B.npy: expected codes [3, 30], for 3 atoms of D.npy and 30 patches of X.npy, found [3, 29]",
        ],
    );
    write_array(&at("B.npy"), &[2, 30], &numbers(60));
    refused(
        &with("--signals X.npy --codes B.npy --out Y.npy"),
        &["expected codes [3, 30]", "found [2, 30]"],
    );
    write_array(&at("B.npy"), &[3, 4], &numbers(12));
    refused(
        "reconstruct --dictionary D.npy --patches 4x4 --stride 6 --signals X.npy --codes B.npy --out Y.npy",
        &[
            "--stride: patches of 4 x 4 pixels must cover every pixel, but a stride of 6 leaves gaps",
        ],
    );
    let mut holes = numbers(90);
    holes[31] = f32::INFINITY;
    write_array(&at("B.npy"), &[3, 30], &holes);
    refused(
        &with("--signals X.npy --codes B.npy --out Y.npy"),
        &["B.npy: expected finite numbers, found inf at [1, 1]"],
    );
    write_array(&at("B.npy"), &[3, 30], &[f32::MAX; 90]);
    refused(
        &with("--signals X.npy --codes B.npy --out Y.npy"),
        &["the images D a are too large for their type"],
    );
    write_array(&at("C.npy"), &[9, 8], &numbers(72));
    refused(
        &with("--signals X.npy --codes A.npy --clean C.npy --out Y.npy"),
        &["C.npy: expected images [1, 1, 8, 9]", "found [1, 1, 9, 8]"],
    );
    write_array(&at("C.npy"), &[8, 9], &[7_u8; 72]);
    refused(
        &with("--signals X.npy --codes A.npy --clean C.npy --out Y.npy"),
        &["C.npy: expected numbers up to 1, like the signals, found integers up to 255"],
    );
    refused(
        &with("--signals X.npy --codes A.npy --out Y.jpg"),
        &["Y.jpg: expected a name that ends in .png or .npy"],
    );
    refused(
        &with("--signals C.npy --codes A.npy --out Y.png"),
        &["Y.png: expected a name that ends in .npy, found .png for integers"],
    );
    let before = fs::read(at("X.npy")).unwrap();
    refused(
        &with("--signals X.npy --codes A.npy --out ./X.npy"),
        &["--out ./X.npy: expected a file that is not an input"],
    );
    let solve = "solve --dictionary D.npy --lambda1 0.1 --signals X.npy --patches 4x4 --out X.npy";
    let learn = "learn --atoms 3 --lambda1 0.1 --signals X.npy --patches 4x4 --out X.npy";
    for line in [solve, learn] {
        refused(line, &["--out X.npy: expected a file that is not an input"]);
    }
    assert!(fs::read(at("X.npy")).unwrap() == before);
    // Codes of scn solve --rows are refused.
    let solve =
        "solve --dictionary D.npy --signals R.npy --rows --lambda1 0.1 --sparse --out R.npz";
    write_array(&at("R.npy"), &[30, 16], &numbers(480));
    run(folder.path(), solve).assert().success();
    refused(
        &with("--signals X.npy --codes R.npz --out Y.npy"),
        &["R.npz: expected codes by columns (csc), as scn solve --sparse writes them, found csr"],
    );
}
