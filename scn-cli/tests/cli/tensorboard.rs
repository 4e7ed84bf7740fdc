use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use prost::Message;

use crate::{scn, train_small};

/// Returns the events in each file of a folder, ordered by file name, without framing.
pub(crate) fn events(folder: &Path) -> Vec<Vec<Vec<u8>>> {
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

/// Returns the records of a TFRecord file, and checks their checksums.
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

pub(crate) fn count(events: &[Vec<u8>], text: &str) -> usize {
    let holds = |event: &&Vec<u8>| {
        event
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    events.iter().filter(holds).count()
}

/// Each start of a run writes its own file. A test beside the writer checks that TensorBoard can
/// read the events.
#[test]
fn a_run_writes_tensorboard_events_also_when_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // 96 images in batches of 4: 24 steps per epoch; steps 20 and 40 are logged.
    train_small(&run, &["--set", "training.batch_size=4"])
        .assert()
        .success();
    let first = events(&run);
    assert_eq!(first.len(), 1);
    let told = &first[0];
    assert_eq!(count(&told[..1], "brain.Event:2"), 1);
    // Field 7 is the session status (started). Its step is 0, which is not encoded.
    assert_eq!(told[1][9..], [0x3a, 2, 8, 1]);
    assert_eq!(count(&told[2..3], "[network.solver]"), 1);
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
    // Field 2 is the step, encoded in seven bits per byte: the first step of this file.
    let start = &both[1][1];
    assert_eq!(start[9..], [0x10, 49, 0x3a, 2, 8, 1]);
}

/// The fields of an event that carry steps and tags, numbered as in TensorFlow's `event.proto` and
/// `summary.proto`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session: Option<Session>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
}

#[derive(Clone, PartialEq, Message)]
struct Session {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// Returns the steps of every tag, in the order in which TensorBoard 2.21's `EventAccumulator` has
/// them after reading a folder: at the start of a session (status 1) it drops all events from that
/// step on (`_Purge`).
pub(crate) fn steps_by_tag(folder: &Path) -> BTreeMap<String, Vec<i64>> {
    let mut steps: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for bytes in events(folder).iter().flatten() {
        let event = Event::decode(bytes.as_slice()).unwrap();
        if event.session.is_some_and(|session| session.status == 1) {
            for steps in steps.values_mut() {
                steps.retain(|&step| step < event.step);
            }
        }
        for value in event.summary.unwrap_or_default().value {
            steps.entry(value.tag).or_default().push(event.step);
        }
    }
    steps
}

/// Makes a run of 3 epochs of 24 steps that was started twice and resumed twice. The second process
/// of each pair repeats the events of the first, as if the first had been killed before it wrote
/// its checkpoint.
fn killed_run(run: &Path) {
    let (checkpoint, kept) = (run.join("checkpoint.safetensors"), run.join("kept"));
    let begin = || {
        train_small(run, &["--set", "training.batch_size=4"])
            .assert()
            .success();
    };
    let resume = || {
        scn()
            .args(["train", "--resume", "--epochs", "3", "--out"])
            .arg(run)
            .assert()
            .success();
    };
    begin();
    std::fs::remove_file(&checkpoint).unwrap();
    begin();
    std::fs::copy(&checkpoint, &kept).unwrap();
    resume();
    std::fs::rename(&kept, &checkpoint).unwrap();
    resume();
}

/// Returns the expected steps of each tag: all epochs, and every twentieth step.
fn expected_steps() -> BTreeMap<String, Vec<i64>> {
    let batches = [
        "batch/loss",
        "batch/error",
        "batch/active",
        "learning_rate",
        "images_per_second",
    ];
    let epochs = ["loss/train", "loss/test", "error/train", "error/test"].map(str::to_string);
    let layers = ["active", "lambda1", "passes", "kkt", "condition"]
        .into_iter()
        .flat_map(|name| [0, 1].map(|layer| format!("{name}/layer{layer:02}")));
    let batches = batches.map(|tag| (tag.to_string(), vec![20, 40, 60]));
    let epochs = epochs
        .into_iter()
        .chain(layers)
        .chain(["atoms".to_string()])
        .map(|tag| (tag, vec![24, 48, 72]));
    let config = [("config".to_string(), vec![0])];
    batches.into_iter().chain(epochs).chain(config).collect()
}

#[test]
fn a_killed_run_has_each_step_once() {
    let folder = tempfile::tempdir().unwrap();
    killed_run(folder.path());
    // A run that starts afresh removes the files of one without a checkpoint.
    assert_eq!(events(folder.path()).len(), 3);
    assert_eq!(steps_by_tag(folder.path()), expected_steps());
}

/// Python code that reads a folder with TensorBoard's old and new readers, which both read it file
/// by file.
const READERS: &str = "
import json, sys
from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
all = {'scalars': 0, 'images': 0, 'tensors': 0}
old = event_accumulator.EventAccumulator(sys.argv[1], size_guidance=all).Reload()
new = plugin_event_accumulator.EventAccumulator(sys.argv[1], tensor_size_guidance={}, size_guidance=all).Reload()
def steps(reader, kinds):
    return {tag: [event.step for event in getattr(reader, kind.capitalize())(tag)] for kind in kinds for tag in reader.Tags()[kind]}
print(json.dumps([steps(old, ['scalars', 'images', 'tensors']), steps(new, ['tensors'])]))
";

/// Uses TensorBoard itself if it is installed for Python (`pip install tensorboard`).
#[test]
fn tensorboard_reads_each_step_of_a_killed_run_once() {
    let there = Command::new("python3")
        .args(["-c", "import tensorboard"])
        .output();
    if !there.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: tensorboard is not installed for python3");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    killed_run(folder.path());
    let output = Command::new("python3")
        .args(["-c", READERS])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let read: Vec<BTreeMap<String, Vec<i64>>> = serde_json::from_slice(&output.stdout).unwrap();
    for steps in read {
        assert_eq!(steps, expected_steps());
    }
}
