//! Where data sets are.

use std::path::{Path, PathBuf};

use clap::Args;
use scn_data::fetch::ArchiveSet;
use scn_data::{DataError, Dataset, DatasetName, FileError, UnknownDataset};

/// Where data sets are.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataFolder {
    /// Folder that holds mnist/, cifar-10-batches-bin/, ...; the digits need none
    #[arg(
        long = "data",
        value_name = "DIR",
        env = "SCN_DATA",
        default_value = "data"
    )]
    folder: PathBuf,
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

    /// Reads a data set.
    pub(crate) fn open(&self, name: DatasetName) -> anyhow::Result<Dataset> {
        scn_data::open(name, &self.folder).map_err(|error| match error {
            DataError::File(FileError::Missing { .. }) => anyhow::anyhow!(
                "{error}; `{}` gets {}",
                self.fetch_command(name),
                archives(name)
            ),
            error => error.into(),
        })
    }
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
