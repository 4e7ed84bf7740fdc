use std::path::Path;

use crate::{scn, train_small};

/// The events of each file of a folder, in the order of the names, out of their frames.
fn events(folder: &Path) -> Vec<Vec<Vec<u8>>> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> = files
        .filter(|path| name(path).starts_with("events.out.tfevents."))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| frames(&std::fs::read(path).unwrap()))
        .collect()
}

/// What a file of TFRecords holds, its sums checked.
fn frames(mut file: &[u8]) -> Vec<Vec<u8>> {
    let sum = |data: &[u8]| {
        let sum = crc32c::crc32c(data).rotate_right(15);
        sum.wrapping_add(0xa282_ead8).to_le_bytes()
    };
    let mut frames = Vec::new();
    while !file.is_empty() {
        let (head, rest) = file.split_at(12);
        assert_eq!(head[8..], sum(&head[..8]));
        let length = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
        let (data, rest) = rest.split_at(length);
        assert_eq!(rest[..4], sum(data));
        frames.push(data.to_vec());
        file = &rest[4..];
    }
    frames
}

fn count(events: &[Vec<u8>], text: &str) -> usize {
    let holds = |event: &&Vec<u8>| {
        event
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    events.iter().filter(holds).count()
}

/// A file for each start of a run; what TensorBoard makes of an event is a test beside the writer.
#[test]
fn a_run_tells_tensorboard_and_goes_on_doing_so() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // 96 images in batches of 4: 24 steps an epoch, of which 20 and 40 are told.
    train_small(&run, &["--set", "training.batch_size=4"])
        .assert()
        .success();
    let first = events(&run);
    assert_eq!(first.len(), 1);
    let told = &first[0];
    assert_eq!(count(&told[..1], "brain.Event:2"), 1);
    assert_eq!(count(&told[1..2], "[network.solver]"), 1);
    for (tag, times) in [
        ("batch/loss", 2),
        ("images_per_second", 2),
        ("loss/train", 2),
        ("error/test", 2),
        ("active/layer01", 2),
        ("condition/layer00", 2),
        ("PNG", 2),
        ("lambda1/layer02", 0),
    ] {
        assert_eq!(count(told, tag), times, "{tag}");
    }

    scn()
        .args(["train", "--resume", "--epochs", "3", "--out"])
        .arg(&run)
        .assert()
        .success();
    let both = events(&run);
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first[0]);
    assert_eq!(
        (
            count(&both[1], "loss/test"),
            count(&both[1], "[network.solver]")
        ),
        (1, 0)
    );
    // Field 2 of an event is the step, as a number of seven bits a byte; field 7 the session's status: it starts.
    let start = &both[1][1];
    assert_eq!(start[9..], [0x10, 48, 0x3a, 2, 8, 1]);
}
