//! Reading of models by commands.

use std::path::{Path, PathBuf};

use anyhow::Result;
use scn_net::{Model, RunFolder};
use scn_solvers::processes::Processes;

use crate::output::Output;

/// Reads a model from a model file, a checkpoint or a run folder.
///
/// A run folder gives the best model if validation images chose one. Prints a warning if the file
/// has no checksum.
pub(crate) fn read(path: &Path, output: &Output) -> Result<Model> {
    let path = file_of(path);
    let model = Model::load(&path)?;
    warn_if_unchecked(&model, &path, output);
    Ok(model)
}

/// Same as [`read`], but only the first of several processes reads the file and sends the model to
/// the others.
pub(crate) fn shared(path: &Path, processes: &dyn Processes, output: &Output) -> Result<Model> {
    let path = file_of(path);
    let model = Model::shared(&path, processes)?;
    warn_if_unchecked(&model, &path, output);
    Ok(model)
}

/// Returns the file of a model, which may be given by its run folder.
fn file_of(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => RunFolder::new(path).chosen_model(),
        false => path.to_path_buf(),
    }
}

/// Prints a warning if the file has no checksum.
pub(crate) fn warn_if_unchecked(model: &Model, path: &Path, output: &Output) {
    if model.unchecked() {
        output.warn(format_args!(
            "{}: the file has no checksum, as in early versions; damage would go unnoticed",
            path.display()
        ));
    }
}
