//! Where images are: data sets by name in the data folder, pictures and arrays elsewhere.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches};
use scn_data::fetch::ArchiveSet;
use scn_data::{
    DataError, DataSource, Dataset, DatasetName, FileError, Reading, UnknownDataset, UnknownSource,
    open_source,
};

use crate::screen::Bar;

/// Where data sets are.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder {
    folder: PathBuf,
    /// Whether the arguments say so; the environment may speak of data sets that a command does not
    /// read.
    given: bool,
}

/// The argument.
#[derive(Debug, Args)]
struct Argument {
    /// Folder that holds mnist/, cifar-10-batches-bin/, ...; the digits need none
    #[arg(
        help_heading = "Input",
        long = "data",
        value_name = "DIR",
        env = "SCN_DATA",
        default_value = "data"
    )]
    folder: PathBuf,
}

impl Args for DataFolder {
    fn augment_args(command: clap::Command) -> clap::Command {
        Argument::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Argument::augment_args_for_update(command)
    }
}

impl FromArgMatches for DataFolder {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Argument { folder } = Argument::from_arg_matches(matches)?;
        let given = matches.value_source("folder") == Some(ValueSource::CommandLine);
        Ok(Self { folder, given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl DataFolder {
    /// Whether there is something under the name of a data set.
    pub(crate) fn holds(&self, name: DatasetName) -> bool {
        name.folder()
            .is_none_or(|folder| self.folder.join(folder).exists())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// The command that puts a data set there.
    pub(crate) fn fetch_command(&self, name: DatasetName) -> String {
        format!("scn data fetch {name} --dir {}", self.folder.display())
    }

    /// That a folder which was asked for is one that the images are read from.
    pub(crate) fn expect_use(&self, source: &DataSource) -> Result<()> {
        let why = match source {
            DataSource::Named(name) if name.folder().is_some() => return Ok(()),
            DataSource::Named(_) => "is embedded",
            _ => "says where its files are",
        };
        if !self.given {
            return Ok(());
        }
        let folder = self.folder.display();
        bail!(
            "--data {folder}: no data set is read from there, as {source} {why}; pictures of your own: --dataset folder:{folder}"
        )
    }

    /// That no folder was asked for where no images are read.
    pub(crate) fn expect_none(&self) -> Result<()> {
        if self.given {
            bail!(
                "--data {}: no images are read to compare runs",
                self.folder.display()
            );
        }
        Ok(())
    }

    /// Reads the images of a source.
    pub(crate) fn open(&self, source: &DataSource, reading: &Reading) -> Result<Dataset> {
        self.expect_use(source)?;
        let bar = Bar::wait(format!("reading {source}"));
        let opened = open_source(source, &self.folder, reading);
        drop(bar);
        opened.map_err(|error| match (error, source.name()) {
            (error @ DataError::File(FileError::Missing { .. }), Some(name)) => anyhow::anyhow!(
                "{error}; `{}` gets {}",
                self.fetch_command(name),
                archives(name)
            ),
            (error, _) => error.into(),
        })
    }
}

/// A source of images as it is written in an argument; for clap, which says what was found.
///
/// # Errors
/// The choices there are.
pub(crate) fn parse_source(text: &str) -> Result<DataSource, String> {
    text.parse()
        .map_err(|error: UnknownSource| error.to_string())
}

/// A data set by its name; for clap, which says what was found.
///
/// # Errors
/// The names there are.
pub(crate) fn parse_dataset(name: &str) -> Result<DatasetName, String> {
    name.parse()
        .map_err(|error: UnknownDataset| error.to_string())
}

/// The official archives of a data set, by the first file's name, and where they are.
fn archives(name: DatasetName) -> String {
    // Without archives it is embedded, and cannot be missing.
    let archives = ArchiveSet::official(name).map_or(Vec::new(), |set| set.archives);
    let Some((first, others)) = archives.split_first() else {
        return String::new();
    };
    let more = match others.len() {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    format!("{}{more} from {}", first.file, first.base)
}
