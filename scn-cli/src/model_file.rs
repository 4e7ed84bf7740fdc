//! Models as commands read them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use scn_net::{Model, RunFolder};
use scn_solvers::processes::Processes;

use crate::output::Output;

/// Reads a model, the model in a checkpoint, or that of a run folder: the best one, if validation
/// images chose one. A warning says if its file has no checksum.
pub(crate) fn read(path: &Path, output: &Output) -> Result<Model> {
    let path = file_of(path);
    let model = Model::load(&path)?;
    warn_if_unchecked(&model, &path, output);
    Ok(model)
}

/// As [`read`], by the first of several processes, which gives it to the others: they need not see the file.
pub(crate) fn shared(path: &Path, processes: &dyn Processes, output: &Output) -> Result<Model> {
    let path = file_of(path);
    let model = Model::shared(&path, processes)?;
    warn_if_unchecked(&model, &path, output);
    Ok(model)
}

/// The file of a model, which may be asked for by its run folder.
fn file_of(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => RunFolder::new(path).chosen_model(),
        false => path.to_path_buf(),
    }
}

/// Says that damage to a file would not have been found.
pub(crate) fn warn_if_unchecked(model: &Model, path: &Path, output: &Output) {
    if model.unchecked() {
        output.warn(format_args!(
            "{}: no checksum, as in files of early versions; damage would not be noticed",
            path.display()
        ));
    }
}
