//! Archives that are unpacked, and archives that are refused.

use std::fs;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use scn_data::fetch::{FetchError, Packing, SUMS, fetch};
use tar::{EntryType, Header};

use crate::server::{Answer, Server};
use crate::{bytes, names, policy, source};

/// Packs a gzipped tar archive with arbitrary names, including those that the `tar` crate refuses
/// to write.
fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/hostname").unwrap();
        }
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn unpacked(archive: Vec<u8>, data: &Path) -> Result<(), FetchError> {
    let server = Server::new(archive.clone(), &[Answer::Right]);
    let packing = Packing::TarGz { largest: 100_000 };
    let source = source(&server.base, &archive, packing);
    fetch(&source, data, &policy(), &mut |_| {}).map(|_| ())
}

/// Checks that only the archive is left, and that the message says so.
fn assert_kept(error: &FetchError, data: &Path) {
    assert_eq!(names(data), ["archive.part"], "{error}");
    let message = error.to_string();
    assert!(
        message.contains("archive.part") && message.contains("it is kept"),
        "{message}"
    );
}

#[test]
fn an_archive_is_unpacked() {
    let data = tempfile::tempdir().unwrap();
    let archive = packed(&[
        ("small/", EntryType::Directory, b""),
        ("./small/one.bin", EntryType::Regular, b"1"),
        ("small/inner/two.bin", EntryType::Regular, b"22"),
    ]);
    unpacked(archive, data.path()).unwrap();
    assert_eq!(names(data.path()), ["small"]);
    assert_eq!(
        names(&data.path().join("small")),
        [SUMS, "inner", "one.bin"]
    );
    // The checksum of "1", computed by `sha256sum` of GNU coreutils.
    let sums = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  one.bin";
    let written = fs::read_to_string(data.path().join("small").join(SUMS)).unwrap();
    assert!(
        written.contains(sums) && written.contains("  inner/two.bin\n"),
        "{written}"
    );
    assert_eq!(
        fs::read(data.path().join("small/inner/two.bin")).unwrap(),
        b"22"
    );
}

#[test]
fn hostile_entries_are_refused_and_leave_nothing() {
    let hostile = [
        ("../x", EntryType::Regular),
        ("small/../../x", EntryType::Regular),
        ("/tmp/scn-hostile", EntryType::Regular),
        ("elsewhere/x", EntryType::Regular),
        ("small/x", EntryType::Symlink),
        ("small/x", EntryType::Link),
        ("small/x", EntryType::Fifo),
        ("small/x", EntryType::Char),
    ];
    for (name, kind) in hostile {
        let outer = tempfile::tempdir().unwrap();
        let data = outer.path().join("data");
        let archive = packed(&[
            ("small/one.bin", EntryType::Regular, b"1"),
            (name, kind, b""),
        ]);
        let result = unpacked(archive, &data);
        assert!(
            matches!(result, Err(FetchError::Entry { .. })),
            "{name} {result:?}"
        );
        assert_kept(&result.unwrap_err(), &data);
        assert_eq!(names(outer.path()), ["data"], "{name}");
    }
}

#[test]
fn a_bomb_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let zeros = vec![0; 60_000];
    let archive = packed(&[
        ("small/a", EntryType::Regular, &zeros),
        ("small/b", EntryType::Regular, &zeros),
    ]);
    let error = unpacked(archive, data.path()).unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::TooLarge {
                largest: 100_000,
                ..
            }
        ),
        "{error}"
    );
    assert_kept(&error, data.path());
}

#[test]
fn a_truncated_archive_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut archive = packed(&[("small/a", EntryType::Regular, &bytes()[..50_000])]);
    archive.truncate(archive.len() / 2);
    assert!(unpacked(archive, data.path()).is_err());
    assert_eq!(names(data.path()), ["archive.part"]);
}

#[test]
fn an_invalid_archive_stays_and_is_not_fetched_again() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::new(bytes(), &[Answer::Right]);
    let packing = Packing::TarGz { largest: 100_000 };
    let source = source(&server.base, &bytes(), packing);
    for _ in 0..2 {
        let error = fetch(&source, data.path(), &policy(), &mut |_| {}).unwrap_err();
        assert!(matches!(error, FetchError::Unpack { .. }), "{error}");
        assert_kept(&error, data.path());
    }
    assert_eq!(server.ranges(), [None]);
}
