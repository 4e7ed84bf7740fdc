//! Fetching from a server on this machine, whose answers `server` defines.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod server;
mod sums;
mod together;
mod unpack;

use std::fs;
use std::path::Path;
use std::time::Duration;

use md5::{Digest, Md5};
use scn_data::DatasetName;
use scn_data::fetch::{
    Archive, ArchiveSet, FetchError, Packing, Progress, SUMS, TransferPolicy, check_files, fetch,
};

use self::server::{Answer, Server};

fn policy() -> TransferPolicy {
    let mut policy = TransferPolicy::default();
    policy.connect_timeout = Duration::from_secs(5);
    policy.read_timeout = Duration::from_millis(400);
    policy.rate_window = Duration::from_secs(20);
    policy.retries = 2;
    policy.backoff = Duration::from_millis(5);
    policy
}

fn bytes() -> Vec<u8> {
    (0..200_000_u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn source(base: &str, bytes: &[u8], packing: Packing) -> ArchiveSet {
    let md5 = format!("{:x}", Md5::digest(bytes));
    ArchiveSet::new(
        "small",
        vec![Archive::new(base, "archive", 1_000_000, &md5, packing)],
    )
}

/// Fetches `bytes` from a server with these answers.
fn fetched(answers: &[Answer], data: &Path) -> (Server, Result<(), FetchError>) {
    let server = Server::new(bytes(), answers);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let result = fetch(&source, data, &policy(), &mut |_| {}).map(|_| ());
    (server, result)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn assert_whole(data: &Path) {
    assert_eq!(names(data), ["small"]);
    assert_eq!(names(&data.join("small")), [SUMS, "archive"]);
    assert_eq!(fs::read(data.join("small/archive")).unwrap(), bytes());
}

#[test]
fn a_file_is_fetched_with_progress_and_not_overwritten() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right]);
    let source = source(&server.base, &bytes(), Packing::Kept);
    let mut last = (0, None);
    fetch(&source, data.path(), &policy(), &mut |progress| {
        if let Progress::Received { bytes, total, .. } = progress {
            last = (bytes, total);
        }
    })
    .unwrap();
    assert_eq!(last, (200_000, Some(200_000)));
    assert_whole(data.path());
    assert!(matches!(
        fetch(&source, data.path(), &policy(), &mut |_| {}),
        Err(FetchError::FolderThere { .. })
    ));
}

#[test]
fn a_cut_transfer_resumes_where_it_ended() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(&[Answer::CutAfter(70_000), Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(70_000)]);
}

#[test]
fn a_later_fetch_resumes_where_an_earlier_one_ended() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("archive.part"), &bytes()[..1234]).unwrap();
    let (server, result) = fetched(&[Answer::Right], data.path());
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [Some(1234)]);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let data = tempfile::tempdir().unwrap();
    let (server, result) = fetched(
        &[Answer::CutAfter(70_000), Answer::IgnoreRange],
        data.path(),
    );
    result.unwrap();
    assert_whole(data.path());
    assert_eq!(server.ranges(), [None, Some(70_000)]);
}

#[test]
fn the_official_archives_are_described() {
    for name in DatasetName::ALL {
        match ArchiveSet::official(name) {
            Ok(source) => {
                assert_eq!(Some(source.folder.as_str()), name.folder());
                for archive in &source.archives {
                    // SVHN is only published over HTTP.
                    let is_safe = archive.url().starts_with("https://");
                    assert_eq!(is_safe, name != DatasetName::Svhn, "{archive:?}");
                    assert!(
                        archive.md5.len() == 32
                            && archive.md5.bytes().all(|digit| digit.is_ascii_hexdigit()),
                        "{archive:?}"
                    );
                }
                let mirror = source.from_mirror("http://here/files");
                for archive in &mirror.archives {
                    assert_eq!(archive.url(), format!("http://here/files/{}", archive.file));
                }
            }
            Err(error) => assert!(matches!(error, FetchError::Embedded { .. }), "{error}"),
        }
    }
}

#[test]
fn the_files_of_svhn_are_not_unpacked() {
    let data = tempfile::tempdir().unwrap();
    // The same file serves as both.
    let file = include_bytes!("../svhn/packed-u1.mat");
    let server = Server::new(file.to_vec(), &[Answer::Right; 2]);
    let official = ArchiveSet::official(DatasetName::Svhn).unwrap();
    let mut source = official.from_mirror(&server.base);
    for archive in &mut source.archives {
        assert_eq!(archive.packing, Packing::Kept);
        archive.md5 = format!("{:x}", Md5::digest(file));
    }
    let folder = fetch(&source, data.path(), &policy(), &mut |_| {}).unwrap();
    assert_eq!(folder, data.path().join("svhn"));
    let files = ["test_32x32.mat", "train_32x32.mat"];
    assert_eq!(names(&folder), [SUMS, files[0], files[1]]);
    for name in files {
        assert_eq!(fs::read(folder.join(name)).unwrap(), file);
    }
    let svhn = scn_data::open(DatasetName::Svhn, data.path()).unwrap();
    assert_eq!(
        (svhn.train.labels(), &svhn.train),
        (&[0, 3][..], &svhn.test)
    );
    // These are not the official files.
    let checked = check_files(DatasetName::Svhn, data.path());
    assert_eq!(checked.len(), 2);
    for checked in checked {
        assert_eq!(checked.found, Some(file.len() as u64));
        assert!(!checked.is_whole());
    }
}

#[test]
fn files_are_checked_by_length() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("t10k-labels-idx1-ubyte"), [0; 10_008]).unwrap();
    fs::write(folder.join("t10k-images-idx3-ubyte"), [0; 10]).unwrap();
    fs::write(folder.join("train-labels-idx1-ubyte.gz"), [0; 7]).unwrap();
    let files = check_files(DatasetName::Mnist, data.path());
    let states: Vec<_> = files
        .iter()
        .map(|file| (file.found, file.is_whole()))
        .collect();
    assert_eq!(
        states,
        [
            (None, false),
            (Some(7), true),
            (Some(10), false),
            (Some(10_008), true)
        ]
    );
}
