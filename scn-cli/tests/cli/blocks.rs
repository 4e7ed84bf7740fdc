//! `scn solve` on arrays of many blocks: layouts, signals in rows, archives, errors late in a file,
//! and leftover files.

use std::fs;
use std::path::Path;

use scn_data::format::npy::{Float, Kind, Numbers};

use crate::mistakes::fails;
use crate::{json, read_array, scn, write_array};

const ROWS: usize = 8;
const ATOMS: usize = 4;

/// More signals than fit in one block of 8 MB, and not a multiple of the tile width.
const MANY: usize = 400_003;

/// Returns row i of signal k, from a sequence with a period of millions.
fn entry(i: usize, k: usize) -> f32 {
    let hash = (k * ROWS + i).wrapping_mul(2_654_435_761) % 1_000_003;
    hash as f32 / 500_000.0 - 1.0
}

fn write(path: &Path, shape: [usize; 2], fortran_order: bool, numbers: &[f32]) {
    let mut bytes = Kind::F4.head(&shape, fortran_order);
    f32::append(numbers, &mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Writes `D.npy`, and the signals with one per column in C order (`C.npy`) and in Fortran order
/// (`F.npy`), and with one per row (`R.npy`).
fn write_problem(folder: &Path, count: usize) {
    let atoms: Vec<f32> = (0..ROWS * ATOMS).map(|at| entry(at, 7) + 0.25).collect();
    write(&folder.join("D.npy"), [ROWS, ATOMS], false, &atoms);
    let together: Vec<f32> = (0..count)
        .flat_map(|k| (0..ROWS).map(move |i| entry(i, k)))
        .collect();
    write(&folder.join("F.npy"), [ROWS, count], true, &together);
    write(&folder.join("R.npy"), [count, ROWS], false, &together);
    let apart: Vec<f32> = (0..ROWS)
        .flat_map(|i| (0..count).map(move |k| entry(i, k)))
        .collect();
    write(&folder.join("C.npy"), [ROWS, count], false, &apart);
}

fn solve(folder: &Path, signals: &str, extra: &[&str]) -> assert_cmd::Command {
    let mut command = scn();
    command
        .current_dir(folder)
        .args(["solve", "--dictionary", "D.npy", "--lambda1", "0.1"])
        .args(["--signals", signals, "--out", "A.npy"])
        .args(extra);
    command
}

/// Returns the shape and the codes in C order, and whether the file is in Fortran order.
fn codes(path: &Path) -> (Vec<usize>, Vec<f32>, bool) {
    let head = fs::read(path).unwrap();
    let fortran_order = head[..128].windows(4).any(|text| text == b"True");
    let numbers = Numbers::open(path).unwrap();
    (
        numbers.shape().to_vec(),
        numbers.read().unwrap(),
        fortran_order,
    )
}

/// Codes are bit-identical for every layout of the signals and any number of threads, in blocks or
/// in one piece.
#[test]
fn codes_do_not_depend_on_layout_blocks_or_threads() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_problem(folder.path(), MANY);
    let mut bench = scn();
    bench
        .current_dir(folder.path())
        .args(["bench", "solve", "--solver", "auto", "--tolerance", "1e-5"])
        .args([
            "--repeats",
            "1",
            "--max-passes",
            "10000",
            "--lambda1",
            "0.1",
        ])
        .args([
            "--dictionary",
            "D.npy",
            "--signals",
            "F.npy",
            "--out",
            "whole.npy",
        ]);
    bench.assert().success();
    let (_, whole, _) = codes(&at("whole.npy"));
    assert!(whole.iter().filter(|code| **code > 0.0).count() > MANY / 2);
    for (signals, extra) in [
        ("C.npy", &["--threads", "2"][..]),
        ("F.npy", &["--threads", "1"]),
        ("F.npy", &["--threads", "3"]),
    ] {
        let report = json(&mut solve(folder.path(), signals, extra));
        assert_eq!(report["columns"], MANY);
        let (shape, found, fortran_order) = codes(&at("A.npy"));
        assert_eq!(
            (shape, fortran_order),
            (vec![ATOMS, MANY], signals == "F.npy")
        );
        assert!(found == whole, "{signals} {extra:?}");
    }
    let report = json(&mut solve(folder.path(), "R.npy", &["--rows"]));
    assert!(report["kkt"].as_f64().unwrap() <= 1e-5);
    let (shape, found, fortran_order) = codes(&at("A.npy"));
    assert_eq!((shape, fortran_order), (vec![MANY, ATOMS], false));
    for k in (0..MANY).step_by(1009).chain([MANY - 1]) {
        for j in 0..ATOMS {
            assert_eq!(found[k * ATOMS + j], whole[j * MANY + k]);
        }
    }
}

/// The error is one line with the file and the position. The old codes stay, and no other file is
/// left.
#[test]
fn an_error_late_in_a_file_leaves_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_problem(folder.path(), MANY);
    fs::write(at("A.npy"), "old").unwrap();
    let names = || fs::read_dir(folder.path()).unwrap().count();
    let before = names();
    for (name, place, rows, says) in [
        (
            "C.npy",
            5 * MANY + 399_999,
            false,
            "found NaN at [5, 399999]",
        ),
        (
            "F.npy",
            399_999 * ROWS + 5,
            false,
            "found NaN at [5, 399999]",
        ),
        (
            "R.npy",
            399_999 * ROWS + 5,
            true,
            "found NaN at [399999, 5]",
        ),
    ] {
        let mut bytes = fs::read(at(name)).unwrap();
        let start = bytes.len() - 4 * ROWS * MANY;
        bytes[start + 4 * place..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
        fs::write(at(name), &bytes).unwrap();
        let extra: &[&str] = if rows { &["--rows"] } else { &[] };
        fails(&mut solve(folder.path(), name, extra), &[name, says]);
        bytes.truncate(bytes.len() - 7);
        fs::write(at(name), &bytes).unwrap();
        let says = format!("must hold {} bytes", bytes.len() + 7);
        fails(&mut solve(folder.path(), name, extra), &[name, &says]);
    }
    assert_eq!(fs::read_to_string(at("A.npy")).unwrap(), "old");
    assert_eq!(names(), before);
}

/// Ctrl-C in the middle of a file ends the command at once.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_no_files() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let folder = tempfile::tempdir().unwrap();
    write_problem(folder.path(), 20_000);
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name())
            .collect::<Vec<_>>()
    };
    let before = names().len();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("scn"));
    // This would run practically forever.
    let never = [
        "--solver",
        "ista",
        "--tolerance",
        "1e-30",
        "--max-passes",
        "4000000000",
    ];
    command
        .current_dir(folder.path())
        .args(["solve", "--dictionary", "D.npy", "--lambda1", "0.1"])
        .args(["--signals", "F.npy", "--out", "A.npy"])
        .args(never)
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while names().len() == before && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(
        names().len(),
        before + 1,
        "codes are first written to a temporary file"
    );
    let asked = Instant::now();
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(status.code(), Some(130));
    assert_eq!(names().len(), before);
}

/// Transposed matrices are distinguished from matrices of a wrong size.
#[test]
fn transposed_matrices_get_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    write_problem(folder.path(), 5);
    let hint = "expected signals with 8 rows, to match D.npy of 8 x 4, found 5; if each row is a signal, add --rows";
    fails(&mut solve(folder.path(), "R.npy", &[]), &["R.npy", hint]);
    let hint = "found 5; if each column is a signal, omit --rows";
    fails(
        &mut solve(folder.path(), "C.npy", &["--rows"]),
        &["C.npy", hint],
    );
    let turned = folder.path().join("T.npy");
    write(&turned, [ATOMS, ROWS], false, &[0.5; ATOMS * ROWS]);
    let mut command = scn();
    command
        .current_dir(folder.path())
        .args(["solve", "--dictionary", "T.npy", "--signals", "C.npy"])
        .args(["--lambda1", "0.1", "--out", "A.npy"]);
    fails(
        &mut command,
        &["found 8; a dictionary has one atom per column: is it transposed?"],
    );
}

/// The archive holds the same codes as the array, in SciPy's format. Signals in archives can be
/// read.
#[test]
fn sparse_codes_equal_dense_codes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_problem(folder.path(), 1000);
    for (signals, rows, format) in [("C.npy", false, b"csc"), ("R.npy", true, b"csr")] {
        let extra: &[&str] = if rows { &["--rows"] } else { &[] };
        solve(folder.path(), signals, extra).assert().success();
        let (shape, dense, _) = codes(&at("A.npy"));
        solve(folder.path(), signals, &[extra, &["--sparse"]].concat())
            .assert()
            .success();
        let mut archive = zip::ZipArchive::new(fs::File::open(at("A.npy")).unwrap()).unwrap();
        let mut member = |name: &str| {
            let mut bytes = Vec::new();
            let mut entry = archive.by_name(name).unwrap();
            std::io::copy(&mut entry, &mut bytes).unwrap();
            bytes
        };
        let array = |bytes: Vec<u8>| npyz::NpyFile::new(std::io::Cursor::new(bytes)).unwrap();
        let ends: Vec<i32> = array(member("indptr.npy")).into_vec().unwrap();
        let atoms: Vec<i32> = array(member("indices.npy")).into_vec().unwrap();
        let numbers: Vec<f32> = array(member("data.npy")).into_vec().unwrap();
        let sides: Vec<i64> = array(member("shape.npy")).into_vec().unwrap();
        let text = array(member("format.npy"));
        assert_eq!(text.shape(), [] as [u64; 0]);
        assert_eq!(text.into_vec::<Vec<u8>>().unwrap(), [format.to_vec()]);
        assert_eq!(
            sides,
            shape.iter().map(|&side| side as i64).collect::<Vec<_>>()
        );
        let mut filled = vec![0.0; dense.len()];
        for (k, range) in ends.windows(2).enumerate() {
            for at in range[0] as usize..range[1] as usize {
                let j = atoms[at] as usize;
                filled[if rows { k * ATOMS + j } else { j * 1000 + k }] = numbers[at];
            }
        }
        assert!(numbers.iter().all(|&number| number != 0.0));
        assert_eq!((ends.len(), filled), (1001, dense));
    }
    // Like `numpy.savez` with one array.
    let mut archive = zip::ZipWriter::new(fs::File::create(at("X.npz")).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("arr_0.npy", options).unwrap();
    std::io::copy(&mut fs::File::open(at("C.npy")).unwrap(), &mut archive).unwrap();
    archive.finish().unwrap();
    solve(folder.path(), "C.npy", &[]).assert().success();
    let expected = codes(&at("A.npy"));
    solve(folder.path(), "X.npz", &[]).assert().success();
    assert_eq!(codes(&at("A.npy")), expected);
}

/// The atoms are orthonormal, so the codes are `c - lambda1`, and zero if lambda1 is at least the
/// largest c.
#[test]
fn lambda1_fraction_is_of_the_largest_correlation() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_array(&at("D.npy"), &[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0_f64]);
    write_array(&at("X.npy"), &[3, 2], &[4.0, -2.0, 0.25, -8.0, 0.5, 9.0]);
    let solve = |fraction: &str, extra: &[&str]| {
        let mut command = scn();
        command
            .current_dir(folder.path())
            .args(["solve", "--dictionary", "D.npy", "--signals", "X.npy"])
            .args(["--lambda1-fraction", fraction, "--out", "A.npy"])
            .args(extra);
        let lambda1 = json(&mut command)["lambda1"].as_f64().unwrap();
        (lambda1, read_array::<f64>(&at("A.npy")).1)
    };
    assert_eq!(solve("1", &[]), (4.0, vec![0.0; 4]));
    assert_eq!(solve("0.5", &[]), (2.0, vec![2.0, 0.0, 0.0, 0.0]));
    assert_eq!(solve("1", &["--signed"]), (8.0, vec![0.0; 4]));
    assert_eq!(
        solve("0.5", &["--signed"]),
        (4.0, vec![0.0, 0.0, 0.0, -4.0])
    );
    let mut command = scn();
    command
        .current_dir(folder.path())
        .args(["solve", "--dictionary", "D.npy", "--signals", "X.npy"])
        .args(["--lambda1-fraction", "1.5", "--out", "A.npy"]);
    fails(
        &mut command,
        &["--lambda1-fraction: expected a number above 0 and up to 1, found 1.5"],
    );
}

/// The certificate is an additional JSON object. There is a warning if lambda1 is below what the
/// tolerance resolves, and none otherwise.
#[test]
fn certificates_and_warnings_appear_only_when_due() {
    let folder = tempfile::tempdir().unwrap();
    write_problem(folder.path(), 100);
    let report = json(&mut solve(folder.path(), "C.npy", &[]));
    assert!(report["certificate"].is_null() && report["report_seconds"].as_f64().unwrap() > 0.0);
    let report = json(&mut solve(folder.path(), "C.npy", &["--certify"]));
    let certificate = &report["certificate"];
    assert!(certificate["kkt"].as_f64().unwrap() <= 1e-5);
    assert!(certificate["duality_gap"].as_f64().unwrap() <= 1e-4);
    assert!(certificate["margin"].as_f64().unwrap() >= 0.0);
    let run = |tolerance: &str| {
        let output = solve(folder.path(), "C.npy", &["--tolerance", tolerance])
            .assert()
            .success()
            .get_output()
            .clone();
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(run("1e-4"), "");
    let told = run("0.9");
    assert!(
        told.starts_with("warning: lambda1 of 1.0e-1 is below tolerance times max |D'x|"),
        "{told}"
    );
}
