//! The location of images: named data sets are in the data folder, image files and arrays
//! elsewhere.

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

/// The folder of the data sets.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder {
    folder: PathBuf,
    /// Whether the folder is from an argument. One from the environment may be meant for other
    /// commands.
    given: bool,
}

/// The argument `--data`.
#[derive(Debug, Args)]
struct Argument {
    /// Folder that contains mnist/, cifar-10-batches-bin/, ...; not needed for the digits
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
    /// Whether the folder of a data set exists, or the data set needs none.
    pub(crate) fn holds(&self, name: DatasetName) -> bool {
        name.folder()
            .is_none_or(|folder| self.folder.join(folder).exists())
    }

    /// Returns the path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Returns the command that downloads a data set to this folder.
    pub(crate) fn fetch_command(&self, name: DatasetName) -> String {
        format!("scn data fetch {name} --dir {}", self.folder.display())
    }

    /// Returns an error if the folder is from an argument but the source is not read from it.
    pub(crate) fn expect_use(&self, source: &DataSource) -> Result<()> {
        let why = match source {
            DataSource::Named(name) if name.folder().is_some() => return Ok(()),
            DataSource::Named(_) => "is embedded",
            _ => "gives the location of its files",
        };
        if !self.given {
            return Ok(());
        }
        let folder = self.folder.display();
        bail!(
            "--data {folder}: no data set is read from this folder, because {source} {why}; for your own images, use --dataset folder:{folder}"
        )
    }

    /// Returns an error if the folder is from an argument, for a command that reads no images.
    pub(crate) fn expect_none(&self) -> Result<()> {
        if self.given {
            bail!(
                "--data {}: no images are read when comparing runs",
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
                "{error}; `{}` downloads {}",
                self.fetch_command(name),
                archives(name)
            ),
            (error, _) => error.into(),
        })
    }
}

/// Parses a source of images in an argument.
///
/// # Errors
/// Returns the possible choices. Clap adds what was found.
pub(crate) fn parse_source(text: &str) -> Result<DataSource, String> {
    text.parse()
        .map_err(|error: UnknownSource| error.to_string())
}

/// Parses the name of a data set in an argument.
///
/// # Errors
/// Returns the possible names. Clap adds what was found.
pub(crate) fn parse_dataset(name: &str) -> Result<DatasetName, String> {
    name.parse()
        .map_err(|error: UnknownDataset| error.to_string())
}

/// Describes the official archives of a data set: the name of the first one, the number of others,
/// and their address.
fn archives(name: DatasetName) -> String {
    // A data set without archives is embedded, so it cannot be missing.
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
