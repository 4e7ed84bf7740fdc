//! `scn data fetch`, `scn data check`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Chain, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use scn_data::fetch::{
    ArchiveSet, CheckedFile, CheckedSum, Progress, TransferPolicy, check_files, check_sums, fetch,
};
use scn_data::{Dataset, DatasetName, ImageSet};
use serde::Serialize;

use crate::data_folder::{DataFolder, parse_dataset};
use crate::output::Output;

/// Gets the data sets and checks that they are whole.
#[derive(Debug, Args)]
pub(crate) struct Data {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    Fetch(Fetch),
    Check(Check),
}

/// Downloads the official archives of a data set; goes on where an earlier try ended.
///
/// What came is compared with the published MD5 sums, which find damage, not forgery.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scn data fetch mnist --dir data")]
struct Fetch {
    /// Data set
    #[arg(value_name = "NAME", value_parser = parse_dataset)]
    name: DatasetName,
    /// Folder that shall hold mnist/, cifar-10-batches-bin/, ...
    #[arg(
        long = "dir",
        value_name = "DIR",
        env = "SCN_DATA",
        default_value = "data"
    )]
    folder: PathBuf,
    /// Address of a folder with the same archives, instead of the official one
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// Which files of a data set are there, and whether they can be read; fails if it is not whole.
///
/// Files that were fetched are compared with their SHA-256 sums of then, in SHA256SUMS beside them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scn data check cifar10 --data data")]
struct Check {
    /// Data set
    #[arg(value_name = "NAME", value_parser = parse_dataset)]
    name: DatasetName,
    #[command(flatten)]
    data: DataFolder,
}

impl Data {
    /// The name of the command.
    pub(crate) fn name(&self) -> &'static str {
        match self.command {
            DataCommand::Fetch(_) => "scn data fetch",
            DataCommand::Check(_) => "scn data check",
        }
    }

    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        match &self.command {
            DataCommand::Fetch(command) => command.run(output),
            DataCommand::Check(command) => command.run(output),
        }
    }
}

/// What `scn data fetch --json` prints.
#[derive(Debug, Serialize)]
struct Fetched {
    dataset: DatasetName,
    folder: PathBuf,
}

impl Fetch {
    fn run(&self, output: &Output) -> Result<()> {
        let mut archives = ArchiveSet::official(self.name)?;
        if let Some(mirror) = &self.mirror {
            archives = archives.from_mirror(mirror);
        }
        let target = if output.for_a_person() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_style(
            ProgressStyle::with_template(
                "{prefix} {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  {msg}",
            )?
            .progress_chars("=> "),
        );
        let result = fetch(
            &archives,
            &self.folder,
            &TransferPolicy::default(),
            &mut |progress| show(&progress, &bar, output),
        );
        bar.finish_and_clear();
        let fetched = Fetched {
            dataset: self.name,
            folder: result?,
        };
        output.result(&fetched, || {
            format!("{} is in {}", fetched.dataset, fetched.folder.display())
        })
    }
}

fn show(progress: &Progress<'_>, bar: &ProgressBar, output: &Output) {
    match progress {
        Progress::Received { file, bytes, total } => {
            bar.set_prefix((*file).to_owned());
            bar.set_message("");
            if let Some(total) = total {
                bar.set_length(*total);
            }
            bar.set_position(*bytes);
        }
        Progress::Retry { error, wait, .. } => bar.suspend(|| {
            let said: Vec<_> = Chain::new(*error).map(ToString::to_string).collect();
            output.warn(format!(
                "{}; tried again in {:.0} s",
                said.join(": "),
                wait.as_secs_f64()
            ));
        }),
        Progress::Unpacking { file } => {
            bar.set_prefix((*file).to_owned());
            bar.set_message("unpacking");
        }
        _ => {}
    }
}

/// What `scn data check --json` prints.
#[derive(Debug, Serialize)]
struct Checked {
    dataset: DatasetName,
    whole: bool,
    files: Vec<FileState>,
    /// Files with other bytes than when they were fetched; none where that is not known.
    changed: Option<Vec<PathBuf>>,
    /// Why the files cannot be read, if so.
    error: Option<String>,
    /// Training and test images per class.
    classes: Vec<ClassCount>,
}

#[derive(Debug, Serialize)]
struct FileState {
    file: PathBuf,
    found: Option<u64>,
    expected: Option<u64>,
    whole: bool,
}

#[derive(Debug, Serialize)]
struct ClassCount {
    class: String,
    train: usize,
    test: usize,
}

impl Check {
    fn run(&self, output: &Output) -> Result<()> {
        let files: Vec<_> = check_files(self.name, self.data.path())
            .into_iter()
            .map(FileState::from)
            .collect();
        let missing = files.iter().filter(|file| file.found.is_none()).count();
        self.data.expect_use(&self.name.into())?;
        let opened = scn_data::open(self.name, self.data.path());
        let sums = check_sums(self.name, self.data.path())?;
        let changed = (!sums.is_empty()).then(|| changed(&sums));
        let unchanged = changed.as_ref().is_none_or(Vec::is_empty);
        let checked = Checked {
            dataset: self.name,
            whole: opened.is_ok() && unchanged && files.iter().all(|file| file.whole),
            changed,
            error: opened.as_ref().err().map(ToString::to_string),
            classes: opened.as_ref().map(class_counts).unwrap_or_default(),
            files,
        };
        output.result(&checked, || describe(&checked))?;
        if checked.whole {
            return Ok(());
        }
        if missing > 0 {
            bail!(
                "{} is not whole: {missing} of {} files missing; `{}` gets them",
                self.name,
                checked.files.len(),
                self.data.fetch_command(self.name)
            );
        }
        opened?;
        if let Some(first) = checked.changed.iter().flatten().next() {
            bail!(
                "{} is not whole: {} has another SHA-256 sum than when it was fetched",
                self.name,
                first.display()
            );
        }
        bail!("{} is not whole: a file has another length", self.name)
    }
}

fn changed(sums: &[CheckedSum]) -> Vec<PathBuf> {
    let changed = sums.iter().filter(|sum| sum.has_changed());
    changed.map(|sum| sum.path.clone()).collect()
}

impl From<CheckedFile> for FileState {
    fn from(file: CheckedFile) -> Self {
        Self {
            whole: file.is_whole(),
            file: file.path,
            found: file.found,
            expected: file.expected,
        }
    }
}

fn class_counts(dataset: &Dataset) -> Vec<ClassCount> {
    let count = |set: &ImageSet| {
        let mut counts = vec![0; set.classes()];
        for &label in set.labels() {
            counts[usize::from(label)] += 1;
        }
        counts
    };
    dataset
        .train
        .class_names()
        .iter()
        .zip(count(&dataset.train))
        .zip(count(&dataset.test))
        .map(|((class, train), test)| ClassCount {
            class: class.clone(),
            train,
            test,
        })
        .collect()
}

fn describe(checked: &Checked) -> String {
    let mut text = format!(
        "{}: {}\n",
        checked.dataset,
        if checked.whole { "whole" } else { "not whole" }
    );
    for file in &checked.files {
        let state = match (file.found, file.expected) {
            (None, _) => "missing".to_string(),
            (Some(found), Some(expected)) if found != expected => {
                format!("{found} bytes instead of {expected}")
            }
            (Some(found), _) => format!("{found} bytes"),
        };
        let _ = writeln!(text, "{}  {state}", file.file.display());
    }
    match &checked.changed {
        Some(changed) if changed.is_empty() => text.push_str("all bytes as they were fetched\n"),
        Some(changed) => {
            for file in changed {
                let _ = writeln!(text, "{}  not as it was fetched", file.display());
            }
        }
        None => {}
    }
    if let Some(error) = &checked.error {
        let _ = writeln!(text, "cannot be read: {error}");
    }
    if !checked.classes.is_empty() {
        let _ = writeln!(text, "\n {:>6} {:>6}  class", "train", "test");
    }
    for count in &checked.classes {
        let _ = writeln!(
            text,
            " {:>6} {:>6}  {}",
            count.train, count.test, count.class
        );
    }
    text.trim_end().to_string()
}
