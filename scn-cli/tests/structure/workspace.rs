//! The crates of the workspace, as listed in its manifests.

use std::path::{Path, PathBuf};

use toml::Table;
use walkdir::WalkDir;

/// Returns the folder of the workspace. In a package of this crate alone there is none, and a
/// message says so.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if root.join("docs/architecture.md").is_file() {
        return Some(root);
    }
    eprintln!("skipped: not in the workspace of this crate");
    None
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn manifest(path: &Path) -> Table {
    let shown = path.display().to_string();
    read(path)
        .parse()
        .unwrap_or_else(|e| panic!("{shown}: {e}"))
}

/// Returns the names of the crates, which are also those of their folders.
pub(crate) fn crates(root: &Path) -> Vec<String> {
    let manifest = manifest(&root.join("Cargo.toml"));
    let members = manifest["workspace"]["members"]
        .as_array()
        .expect("members is a list");
    members
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// Returns the crates of the workspace that a crate depends on.
pub(crate) fn known(root: &Path, name: &str) -> Vec<String> {
    let manifest = manifest(&root.join(name).join("Cargo.toml"));
    let crates = crates(root);
    let dependencies = manifest["dependencies"]
        .as_table()
        .expect("dependencies is a table");
    dependencies
        .keys()
        .filter(|name| crates.contains(name))
        .cloned()
        .collect()
}

/// Returns the files below some folders of a crate that have one of the extensions: their names and
/// their texts, in order of their paths.
pub(crate) fn sources(of: &Path, folders: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    let folders = folders.iter().map(|folder| of.join(folder));
    let folders = folders.filter(|folder| folder.is_dir());
    let entries = folders.flat_map(|folder| WalkDir::new(folder).sort_by_file_name());
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").into_path())
        .collect();
    paths.retain(|path| {
        let found = path.extension().unwrap_or_default();
        extensions.iter().any(|extension| found == *extension)
    });
    let shown = |path: &Path| path.strip_prefix(of).unwrap_or(path).display().to_string();
    let files = paths.iter().map(|path| (shown(path), read(path)));
    files.collect()
}
