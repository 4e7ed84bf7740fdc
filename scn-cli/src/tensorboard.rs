//! Event files for TensorBoard.
//!
//! `scn train` writes, in the run folder:
//!
//! | tag | written | value |
//! |---|---|---|
//! | `batch/loss`, `batch/error`, `batch/active` | every [`EVERY`] steps | of the batch of that step |
//! | `learning_rate`, `images_per_second` | every [`EVERY`] steps | |
//! | `loss/train`, `loss/test`, `error/train`, `error/test` | every epoch | as in `metrics.jsonl`; errors are fractions |
//! | `loss/validation`, `error/validation` | every epoch | in runs with `training.validation` |
//! | `loss/test_averaged`, `error/test_averaged`, `.../validation_averaged` | every epoch | of the averaged network, in runs with `training.average_decay` |
//! | `active/layer00`, `lambda1/...`, `passes/...`, `kkt/...`, `condition/...` | every epoch | of each layer, as in `metrics.jsonl` |
//! | `atoms` | every epoch | atoms of the first layer, as an image |
//! | `config` | once | `config.toml` |
//!
//! `scn learn --tensorboard` writes, in the given folder:
//!
//! | tag | written | value |
//! |---|---|---|
//! | `batch/objective`, `batch/active`, `signals_per_second` | every [`EVERY`] steps | of the batch of that step; throughput since the last such point |
//! | `objective`, `atoms/used`, `atoms/replaced` | every measurement | of the held-out signals, or of the signals of the epoch |
//! | `atoms` | every measurement | atoms of patches or squares, as an image |
//! | `config` | once | the settings that a resumed run keeps |
//!
//! The step of an event is the number of steps since the run began. A resumed run opens a new file.
//! Each file begins with a session start at the first step that it can contain. From that step on,
//! TensorBoard discards the events of earlier files, which an interrupted process wrote after its
//! last checkpoint.

mod message;
mod record;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use prost::Message;
use scn_net::{AveragedRecord, EpochRecord, LayerRecord, Param, StepProgress};

use self::message::{
    Content, Dim, Event, Image, Metadata, Payload, PluginData, SessionLog, Status, Summary, Tensor,
    TensorShape, Value,
};
use crate::pictures::Raster;
use crate::readable::mean;

/// Number of steps between two points of the curves of batches; about two megabytes for the 200
/// epochs of CIFAR-10.
pub(crate) const EVERY: u64 = 20;

/// Prefix of the names of event files.
const PREFIX: &str = "events.out.tfevents.";

/// The command that writes an event file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    Train,
    Learn,
}

impl Writer {
    /// Returns the part of a file name between the second and the process ID.
    fn mark(self) -> &'static str {
        match self {
            Self::Train => ".scn.",
            Self::Learn => ".scn-learn.",
        }
    }

    /// Returns the format of the settings.
    fn language(self) -> &'static str {
        match self {
            Self::Train => "toml",
            Self::Learn => "json",
        }
    }
}

/// An event file that is being written.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Creates an event file in a folder, for a run that starts or is resumed after `step` steps.
    pub(crate) fn create(folder: &Path, writer: Writer, config: &str, step: u64) -> Result<Self> {
        let earlier = earlier_files(folder, writer)?;
        if step == 0 {
            // Remove the files of a run that is replaced or left no checkpoint. Not every reader
            // discards texts at the start of a session.
            for file in earlier.iter().filter(|file| file.is_ours) {
                fs::remove_file(&file.path)
                    .with_context(|| format!("cannot remove {}", file.path.display()))?;
            }
        }
        // TensorBoard recognises event files by their names, and reads those of a folder in the
        // order of their names.
        let second = next_second(&earlier, wall_time() as u64);
        let mark = writer.mark();
        let name = format!("{PREFIX}{second:010}{mark}{}", std::process::id());
        let path = folder.join(name);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("cannot create {}", path.display()))?;
        let mut events = Self { path, file };
        events.write(0, Payload::FileVersion("brain.Event:2".to_string()))?;
        // A session start also discards events at its own step, but those of the checkpoint must
        // remain.
        let first = if step == 0 { 0 } else { step + 1 };
        let status = Status::Start.into();
        events.write(first, Payload::SessionLog(SessionLog { status }))?;
        if step == 0 {
            let language = writer.language();
            let config = format!("```{language}\n{config}```\n");
            events.write(0, Payload::Summary(text("config", &config)))?;
        }
        Ok(events)
    }

    /// Writes the events of a step of the run. Most steps are skipped.
    pub(crate) fn step(&mut self, step: u64, progress: &StepProgress<'_>) -> Result<()> {
        if !step.is_multiple_of(EVERY) {
            return Ok(());
        }
        let active = mean(progress.activity.iter().map(|layer| layer.active));
        self.scalars(
            step,
            vec![
                ("batch/loss".to_string(), progress.batch_loss),
                ("batch/error".to_string(), progress.batch_error),
                ("batch/active".to_string(), active),
                ("learning_rate".to_string(), progress.learning_rate),
                ("images_per_second".to_string(), progress.images_per_second),
            ],
        )
    }

    /// Writes the events of an epoch, which ended after `step` steps of the run.
    pub(crate) fn epoch(&mut self, step: u64, record: &EpochRecord) -> Result<()> {
        let mut scalars = vec![
            ("loss/train".to_string(), record.train_loss),
            ("loss/test".to_string(), record.test_loss),
            ("error/train".to_string(), record.train_error),
            ("error/test".to_string(), record.test_error),
        ];
        let averaged = record.averaged.as_ref();
        let of_averaged = |value: fn(&AveragedRecord) -> Option<f64>| averaged.and_then(value);
        let not_always = [
            ("loss/validation", record.validation_loss),
            ("error/validation", record.validation_error),
            ("loss/test_averaged", of_averaged(|its| Some(its.test_loss))),
            (
                "error/test_averaged",
                of_averaged(|its| Some(its.test_error)),
            ),
            (
                "loss/validation_averaged",
                of_averaged(|its| its.validation_loss),
            ),
            (
                "error/validation_averaged",
                of_averaged(|its| its.validation_error),
            ),
        ];
        scalars.extend(
            not_always
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_string(), value?))),
        );
        for (
            layer,
            &LayerRecord {
                active,
                lambda1,
                passes,
                residual,
                condition,
                ..
            },
        ) in record.layers.iter().enumerate()
        {
            let named = [
                ("active", active),
                ("lambda1", lambda1),
                ("passes", passes),
                ("kkt", residual),
            ]
            .into_iter()
            .chain(condition.map(|condition| ("condition", condition)));
            scalars.extend(named.map(|(name, value)| (format!("{name}/layer{layer:02}"), value)));
        }
        self.scalars(step, scalars)
    }

    /// Writes an image of the atoms of a dictionary [m, n] for windows of side `window`.
    pub(crate) fn atoms(&mut self, step: u64, dictionary: &Param, window: usize) -> Result<()> {
        let picture = Raster::of_atoms(&dictionary.value, dictionary.shape[1], [window; 2]);
        self.picture(step, "atoms", &picture)
    }

    /// Writes an image.
    pub(crate) fn picture(&mut self, step: u64, tag: &str, picture: &Raster) -> Result<()> {
        let (width, height) = picture.size();
        let image = Image {
            height: i32::try_from(height)?,
            width: i32::try_from(width)?,
            colorspace: 3,
            encoded_image_string: picture.png()?,
        };
        let value = Value {
            tag: tag.to_string(),
            metadata: None,
            content: Some(Content::Image(image)),
        };
        self.write(step, Payload::Summary(Summary { value: vec![value] }))
    }

    /// Writes named numbers.
    pub(crate) fn scalars(&mut self, step: u64, scalars: Vec<(String, f64)>) -> Result<()> {
        let value = |(tag, value): (String, f64)| Value {
            tag,
            metadata: None,
            content: Some(Content::SimpleValue(value as f32)),
        };
        let value = scalars.into_iter().map(value).collect();
        self.write(step, Payload::Summary(Summary { value }))
    }

    fn write(&mut self, step: u64, what: Payload) -> Result<()> {
        let event = Event {
            wall_time: wall_time(),
            step: i64::try_from(step)?,
            what: Some(what),
        };
        // Write in one piece, because TensorBoard may be reading the file.
        self.file
            .write_all(&record::frame(&event.encode_to_vec()))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Returns a text that TensorBoard shows as Markdown.
fn text(tag: &str, text: &str) -> Summary {
    let tensor = Tensor {
        dtype: 7,
        tensor_shape: Some(TensorShape {
            dim: vec![Dim { size: 1 }],
        }),
        string_val: vec![text.as_bytes().to_vec()],
    };
    let plugin_data = PluginData {
        plugin_name: "text".to_string(),
    };
    let value = Value {
        tag: tag.to_string(),
        metadata: Some(Metadata {
            plugin_data: Some(plugin_data),
            data_class: 2,
        }),
        content: Some(Content::Tensor(tensor)),
    };
    Summary { value: vec![value] }
}

/// An event file that already existed.
#[derive(Debug)]
struct EarlierFile {
    path: PathBuf,
    second: u64,
    /// Whether the same command wrote the file. Other commands may write to the same folder.
    is_ours: bool,
}

fn earlier_files(folder: &Path, ours: Writer) -> Result<Vec<EarlierFile>> {
    let reading = || format!("cannot read {}", folder.display());
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let parts = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_at_checked(rest.find('.')?));
        if let Some((second, writer)) = parts
            && let Ok(second) = second.parse()
        {
            files.push(EarlierFile {
                path: entry.path(),
                second,
                is_ours: writer.starts_with(ours.mark()),
            });
        }
    }
    Ok(files)
}

/// Returns the second for the name of the next file: later than all earlier files, even if the
/// clock was set back.
fn next_second(earlier: &[EarlierFile], now: u64) -> u64 {
    let after = |file: &EarlierFile| file.second.saturating_add(1);
    earlier.iter().map(after).fold(now, u64::max)
}

/// Returns the seconds since the Unix epoch.
fn wall_time() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The five events of the test below, as written by TensorBoard 2.21 (`RecordWriter` and its
    /// generated messages).
    const BY_TENSORBOARD: &str = "\
         1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe91000000000000000\
         95fbfe180900001040fc54d94110ac023a0208016b3b88f133000000000000000ca720560900001040fc54d94110ad02\
         2a250a100a096c6f73732f74657374150000403f0a110a0a6572726f722f74657374150000003ef4a070d02400000000\
         000000422b804d0900001040fc54d94110ad022a160a140a0561746f6d73220b0802100318032203504e47cdf4244535\
         00000000000000d6c55de60900001040fc54d9412a2a0a280a06636f6e66696742120807120412020801420873656564\
         203d20304a0a0a060a04746578742002751d5873";

    #[test]
    fn files_are_read_in_the_order_in_which_they_were_begun() {
        let folder = tempfile::tempdir().unwrap();
        let second = |now| next_second(&earlier_files(folder.path(), Writer::Train).unwrap(), now);
        assert_eq!(second(1_700_000_000), 1_700_000_000);
        // A file of the same second by another process, whose ID may sort after that of this one,
        // and files written before the clock was set back.
        for name in [
            "1700000000.scn.99",
            "1700000002.scn-learn.7",
            "1700000003.host.1.0",
            "none.scn.1",
            "5",
        ] {
            std::fs::write(folder.path().join(format!("{PREFIX}{name}")), "").unwrap();
        }
        assert_eq!(second(1_700_000_000), 1_700_000_004);
        assert_eq!(second(1_700_000_005), 1_700_000_005);
        let ours = earlier_files(folder.path(), Writer::Train).unwrap();
        let ours: Vec<_> = ours
            .iter()
            .map(|file| (file.second, file.is_ours))
            .collect();
        assert!(
            ours.len() == 3
                && ours.contains(&(1_700_000_000, true))
                && ours.contains(&(1_700_000_002, false)),
            "{ours:?}"
        );
    }

    #[test]
    fn events_are_those_that_tensorboard_writes() {
        let scalar = |tag: &str, value| Value {
            tag: tag.to_string(),
            metadata: None,
            content: Some(Content::SimpleValue(value)),
        };
        let image = Image {
            height: 2,
            width: 3,
            colorspace: 3,
            encoded_image_string: b"PNG".to_vec(),
        };
        let atoms = Value {
            tag: "atoms".to_string(),
            metadata: None,
            content: Some(Content::Image(image)),
        };
        let status = Status::Start.into();
        let events = [
            (0, Payload::FileVersion("brain.Event:2".to_string())),
            (300, Payload::SessionLog(SessionLog { status })),
            (
                301,
                Payload::Summary(Summary {
                    value: vec![scalar("loss/test", 0.75), scalar("error/test", 0.125)],
                }),
            ),
            (301, Payload::Summary(Summary { value: vec![atoms] })),
            (0, Payload::Summary(text("config", "seed = 0"))),
        ];
        let bytes = events.into_iter().flat_map(|(step, what)| {
            let event = Event {
                wall_time: 1_700_000_000.25,
                step,
                what: Some(what),
            };
            record::frame(&event.encode_to_vec())
        });
        let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, BY_TENSORBOARD);
    }
}
