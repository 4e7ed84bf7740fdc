//! SHA-256 checksums of fetched files.

use std::fs;
use std::path::Path;

use scn_data::DatasetName;
use scn_data::fetch::{FetchError, Packing, SUMS, check_sums, fetch};

use crate::server::{Answer, Server};
use crate::{policy, source};

/// SHA-256 sums of the bytes `abc`, from the examples of FIPS 180-2, and of no bytes.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Fetches a file with the bytes `abc` as CIFAR-10.
fn fetch_abc(data: &Path) {
    let server = Server::new(b"abc".to_vec(), &[Answer::Right]);
    let mut source = source(&server.base, b"abc", Packing::Kept);
    source.folder = DatasetName::Cifar10.folder().unwrap().to_owned();
    fetch(&source, data, &policy(), &mut |_| {}).unwrap();
}

#[test]
fn sums_are_written_and_compared() {
    let data = tempfile::tempdir().unwrap();
    fetch_abc(data.path());
    let folder = data.path().join("cifar-10-batches-bin");
    let written = fs::read_to_string(folder.join(SUMS)).unwrap();
    assert_eq!(written, format!("{ABC}  archive\n"));
    let check = || {
        let mut sums = check_sums(DatasetName::Cifar10, data.path()).unwrap();
        assert_eq!(sums.len(), 1);
        sums.remove(0)
    };
    assert_eq!(check().found.as_deref(), Some(ABC));
    assert!(!check().has_changed());

    fs::write(folder.join("archive"), "").unwrap();
    assert_eq!(check().found.as_deref(), Some(EMPTY));
    assert!(check().has_changed());

    // A missing file does not count as changed.
    fs::remove_file(folder.join("archive")).unwrap();
    assert_eq!(check().found, None);
    assert!(!check().has_changed());
}

#[test]
fn a_data_set_without_sums_has_none_to_compare() {
    let data = tempfile::tempdir().unwrap();
    for name in DatasetName::ALL {
        assert_eq!(check_sums(name, data.path()).unwrap(), []);
    }
}

#[test]
fn invalid_sums_are_refused_by_line() {
    let data = tempfile::tempdir().unwrap();
    fetch_abc(data.path());
    let sums = data.path().join("cifar-10-batches-bin").join(SUMS);
    for wrong in [
        "",
        "archive",
        &format!("{ABC} archive"),
        &format!("{}  archive", &ABC[1..]),
        &format!("{ABC}  ../archive"),
        &format!("{ABC}  /etc/hostname"),
        &format!("{ABC}  "),
    ] {
        fs::write(&sums, format!("{ABC}  archive\n{wrong}\n")).unwrap();
        let error = check_sums(DatasetName::Cifar10, data.path()).unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, FetchError::Sums { line: 2, .. }),
            "{message}"
        );
        assert!(
            message.contains(SUMS) && !message.contains('\n'),
            "{message}"
        );
    }
}
