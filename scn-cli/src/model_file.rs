//! Models as commands read them.

use std::path::Path;

use anyhow::Result;
use scn_net::Model;

use crate::output::Output;

/// Reads a model or the model in a checkpoint; a warning says if its file has no checksum.
pub(crate) fn read(path: &Path, output: &Output) -> Result<Model> {
    let model = Model::load(path)?;
    warn_if_unchecked(&model, path, output);
    Ok(model)
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
