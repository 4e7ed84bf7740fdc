//! `scn data fetch` and `scn data check`: download and check data sets.

use std::path::{Path, PathBuf};

use anyhow::{Chain, Result, bail};
use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar};
use scn_data::fetch::{
    ArchiveSet, CheckedFile, CheckedSum, Progress, TransferPolicy, check_files, check_sums, fetch,
};
use scn_data::{Dataset, DatasetName, ImageSet};
use serde::Serialize;

use crate::data_folder::{DataFolder, parse_dataset};
use crate::output::Output;
use crate::readable::thousands;
use crate::screen::{self, Bar};
use crate::table::{Table, left, right, shortened, wrapped};

/// Downloads data sets and checks that they are complete.
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

/// Downloads the official archives of a data set, resuming an interrupted download.
///
/// The archives are compared with the published MD5 sums, which detect damage but not forgery.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scn data fetch mnist --dir data")]
struct Fetch {
    /// Name of the data set
    #[arg(value_name = "NAME", value_parser = parse_dataset)]
    name: DatasetName,
    /// Folder in which to create mnist/, cifar-10-batches-bin/, ...
    #[arg(
        long = "dir",
        value_name = "DIR",
        env = "SCN_DATA",
        default_value = "data"
    )]
    folder: PathBuf,
    /// URL of a folder with the same archives, instead of the official one
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
}

/// Lists the files of a data set and checks that it is complete and readable.
///
/// Fetched files are compared with their SHA-256 sums, recorded in SHA256SUMS beside them when they
/// were fetched. The command fails if a file is missing, damaged or changed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  scn data check cifar10 --data data")]
struct Check {
    /// Name of the data set
    #[arg(value_name = "NAME", value_parser = parse_dataset)]
    name: DatasetName,
    #[command(flatten)]
    data: DataFolder,
}

impl Data {
    /// Returns the full name of the command.
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

/// The output of `scn data fetch --json`.
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
        let mut shown = Shown {
            line: screen::line(
                "{prefix:.bold} {bar:12.green/dim} {bytes}/{total_bytes}  {wide_msg}",
            ),
            unpacking: None,
        };
        let result = fetch(
            &archives,
            &self.folder,
            &TransferPolicy::default(),
            &mut |progress| shown.show(&progress, output),
        );
        drop(shown);
        let fetched = Fetched {
            dataset: self.name,
            folder: result?,
        };
        output.result(&fetched, || {
            format!("{} is in {}", fetched.dataset, fetched.folder.display())
        })
    }
}

/// Progress bars of a download.
struct Shown {
    line: ProgressBar,
    unpacking: Option<Bar>,
}

impl Shown {
    fn show(&mut self, progress: &Progress<'_>, output: &Output) {
        match progress {
            Progress::Received { file, bytes, total } => {
                self.line.set_prefix((*file).to_owned());
                if let Some(total) = total {
                    self.line.set_length(*total);
                }
                self.line.set_position(*bytes);
                let rate = HumanBytes(self.line.per_sec() as u64);
                self.line.set_message(format!("{rate}/s"));
            }
            Progress::Retry { error, wait, .. } => {
                let said: Vec<_> = Chain::new(*error).map(ToString::to_string).collect();
                output.warn(format!(
                    "{}; retrying in {:.0} s",
                    said.join(": "),
                    wait.as_secs_f64()
                ));
            }
            Progress::Unpacking { file } => {
                screen::remove(&self.line);
                self.unpacking = Some(Bar::wait(format!("unpacking {file}")));
            }
            _ => {}
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        screen::remove(&self.line);
    }
}

/// The output of `scn data check --json`.
#[derive(Debug, Serialize)]
struct Checked {
    dataset: DatasetName,
    whole: bool,
    files: Vec<FileState>,
    /// Files that have changed since they were fetched; None if there are no recorded sums.
    changed: Option<Vec<PathBuf>>,
    /// Why the files cannot be read; None if they can.
    error: Option<String>,
    /// Numbers of training and test images per class.
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
        let bar = Bar::wait(format!("reading {}", self.name));
        let opened = scn_data::open(self.name, self.data.path());
        let sums = check_sums(self.name, self.data.path())?;
        drop(bar);
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
                "{} is incomplete: {missing} of {} files are missing; `{}` downloads them",
                self.name,
                checked.files.len(),
                self.data.fetch_command(self.name)
            );
        }
        opened?;
        if let Some(first) = checked.changed.iter().flatten().next() {
            bail!(
                "{} is damaged: the SHA-256 sum of {} has changed since it was fetched",
                self.name,
                first.display()
            );
        }
        bail!("{} is damaged: a file has the wrong length", self.name)
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
    let whole = if checked.whole {
        "complete"
    } else {
        "incomplete or damaged"
    };
    let mut parts = vec![format!("{}: {whole}", checked.dataset)];
    if !checked.files.is_empty() {
        parts.push(files(checked));
    }
    if checked.changed.as_ref().is_some_and(Vec::is_empty) {
        parts.push("all files are unchanged since they were fetched".to_string());
    }
    if let Some(error) = &checked.error {
        parts.push(wrapped(&format!("cannot be read: {error}"), ""));
    }
    if !checked.classes.is_empty() {
        let mut table = Table::new([
            left("class"),
            right("training images"),
            right("test images"),
        ]);
        for count in &checked.classes {
            table.push([
                shortened(&count.class, 40),
                thousands(count.train),
                thousands(count.test),
            ]);
        }
        parts.push(table.text());
    }
    parts.join("\n\n")
}

/// Formats the files of a data set, with their folder above them.
fn files(checked: &Checked) -> String {
    let folder = checked.files.first().and_then(|file| file.file.parent());
    let name = |path: &Path| {
        let within = folder.and_then(|folder| path.strip_prefix(folder).ok());
        within.unwrap_or(path).display().to_string()
    };
    let changed = checked.changed.as_deref().unwrap_or_default();
    let mut table = Table::new([left("file"), left("state"), right("bytes")]);
    for file in &checked.files {
        let state = match (file.found, file.expected) {
            (None, _) => "missing".to_string(),
            _ if changed.contains(&file.file) => CHANGED.to_string(),
            (Some(found), Some(expected)) if found != expected => {
                format!("expected {} bytes", thousands(expected as usize))
            }
            _ => "ok".to_string(),
        };
        let bytes = file.found.map(|bytes| thousands(bytes as usize));
        table.push([
            name(&file.file),
            state,
            bytes.unwrap_or_else(|| "-".to_string()),
        ]);
    }
    // Add changed files that were fetched along with the listed ones.
    let listed = |path: &&PathBuf| checked.files.iter().any(|file| file.file == **path);
    for path in changed.iter().filter(|path| !listed(path)) {
        table.push([name(path), CHANGED.to_string(), "-".to_string()]);
    }
    let folder = folder.map_or(String::new(), |folder| format!("{}\n", folder.display()));
    format!("{folder}{}", table.text())
}

/// State of a file whose sum has changed since it was fetched.
const CHANGED: &str = "changed since it was fetched";
