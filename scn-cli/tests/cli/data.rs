use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use predicates::prelude::*;

use crate::{json, scn};

#[test]
fn a_missing_data_set_is_reported_with_the_command_to_fetch_it() {
    let data = tempfile::tempdir().unwrap();
    scn()
        .args(["data", "check", "mnist", "--data"])
        .arg(data.path())
        .assert()
        .code(1)
        .stdout(predicate::str::contains("train-images-idx3-ubyte  missing"))
        .stderr(predicate::str::contains("4 of 4 files are missing"))
        .stderr(predicate::str::contains("scn data fetch mnist"));
    scn()
        .args([
            "train",
            "--preset",
            "mnist-scn1",
            "--out",
            "unused",
            "--data",
        ])
        .arg(data.path())
        .current_dir(data.path())
        .assert()
        .code(1)
        .stderr(predicate::str::contains("scn data fetch mnist"));
}

#[test]
fn the_embedded_digits_are_complete_and_cannot_be_fetched() {
    let checked = json(scn().args(["data", "check", "digits"]));
    assert_eq!(checked["whole"], true);
    assert_eq!(checked["classes"].as_array().unwrap().len(), 10);
    scn()
        .args(["data", "fetch", "digits"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("embedded"));
}

/// Writes the four files of MNIST with the right numbers of images, all of them black and labelled
/// 0.
fn black_mnist(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for (set, count) in [("train", 60_000_u32), ("t10k", 10_000)] {
        let mut images = [[0, 0, 8, 3], count.to_be_bytes()].concat();
        images.extend([[0, 0, 0, 28]; 2].concat());
        images.resize(images.len() + count as usize * 28 * 28, 0);
        let mut labels = [[0, 0, 8, 1], count.to_be_bytes()].concat();
        labels.resize(labels.len() + count as usize, 0);
        for (what, bytes) in [("images-idx3", images), ("labels-idx1", labels)] {
            let file = File::create(folder.join(format!("{set}-{what}-ubyte.gz"))).unwrap();
            let mut packed = GzEncoder::new(file, Compression::fast());
            packed.write_all(&bytes).unwrap();
            packed.finish().unwrap();
        }
    }
}

#[test]
fn files_are_compared_with_the_checksums_of_their_fetch() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("mnist");
    black_mnist(&folder);
    let check = || {
        let mut check = scn();
        check
            .args(["data", "check", "mnist", "--data"])
            .arg(data.path());
        check
    };
    assert_eq!(json(&mut check())["changed"], serde_json::Value::Null);

    let sums = "sha256sum *.gz > SHA256SUMS";
    let written = Command::new("sh")
        .args(["-c", sums])
        .current_dir(&folder)
        .status();
    if !written.is_ok_and(|status| status.success()) {
        eprintln!("skipped: sha256sum is not installed");
        return;
    }
    let checked = json(&mut check());
    assert_eq!(checked["whole"], true);
    assert_eq!(checked["changed"], serde_json::json!([]));

    // Changes one label only, so that the file is still valid.
    let changed = folder.join("t10k-labels-idx1-ubyte.gz");
    let file = File::create(&changed).unwrap();
    let mut packed = GzEncoder::new(file, Compression::fast());
    let mut labels = [[0, 0, 8, 1], 10_000_u32.to_be_bytes()].concat();
    labels.resize(labels.len() + 10_000, 0);
    labels[8] = 9;
    packed.write_all(&labels).unwrap();
    packed.finish().unwrap();
    check()
        .assert()
        .code(1)
        .stdout(predicate::str::starts_with(
            "mnist: incomplete or damaged\n",
        ))
        .stdout(
            predicate::str::is_match("t10k-labels-idx1-ubyte.gz +changed since it was fetched")
                .unwrap(),
        )
        .stderr(predicate::str::contains(
            "t10k-labels-idx1-ubyte.gz has changed since it was fetched",
        ));

    std::fs::write(folder.join("SHA256SUMS"), "none\n").unwrap();
    check()
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains(
            "SHA256SUMS must have lines of a SHA-256 sum",
        ));
}

#[test]
fn wrong_bytes_from_a_mirror_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/files/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head: Vec<_> = BufReader::new(&stream)
            .lines()
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
            .collect();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nother")
            .unwrap();
        head[0].clone()
    });
    let data = tempfile::tempdir().unwrap();
    scn()
        .args(["data", "fetch", "cifar10", "--mirror", &mirror, "--dir"])
        .arg(data.path())
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains("c32a1d4ab5d03f1284b67883e8d87530"));
    assert_eq!(
        server.join().unwrap(),
        "GET /files/cifar-10-binary.tar.gz HTTP/1.1"
    );
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[test]
fn a_concurrent_fetch_is_refused_and_a_killed_one_does_not_block() {
    // This server accepts connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/", listener.local_addr().unwrap());
    let data = tempfile::tempdir().unwrap();
    let mut first = Command::new(assert_cmd::cargo::cargo_bin!("scn"))
        .args(["data", "fetch", "mnist", "--mirror", &mirror, "--dir"])
        .arg(data.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _connection = listener.accept().unwrap();
    let second = || {
        let mut second = scn();
        second
            .args(["data", "fetch", "mnist", "--dir"])
            .arg(data.path())
            .args(["--mirror", "http://127.0.0.1:1/no-port-of-a-server"]);
        second
    };
    let told = second().assert();
    first.kill().unwrap();
    first.wait().unwrap();
    told.code(1)
        .stdout("")
        .stderr(predicate::str::contains("another fetch is running"))
        .stderr(predicate::str::contains(".mnist.lock"));
    // The next fetch gets as far as the archive, where a folder in its place makes it fail at once.
    std::fs::remove_file(data.path().join("train-images-idx3-ubyte.gz.part")).unwrap();
    std::fs::create_dir(data.path().join("train-images-idx3-ubyte.gz.part")).unwrap();
    second()
        .assert()
        .code(1)
        .stderr(predicate::str::contains("train-images-idx3-ubyte.gz.part"));
}
