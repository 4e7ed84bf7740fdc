//! Lengths of files.

use std::path::Path;

use walkdir::WalkDir;

const MEDIAN: usize = 200;
/// Length that at most one file in ten may exceed.
const LONG: usize = 400;

/// Describes what is too long in a crate: among its sources, and among all its files.
pub(crate) fn wrong(of: &Path) -> String {
    let of_src = lengths(of, &["src"]);
    let of_all = lengths(of, &["src", "tests", "benches", "examples"]);
    judge("src", &of_src) + &judge("src, tests, benches and examples", &of_all)
}

/// Returns the number of lines and the name of each Rust file, the shortest first.
fn lengths(of: &Path, folders: &[&str]) -> Vec<(usize, String)> {
    let folders = folders
        .iter()
        .map(|folder| of.join(folder))
        .filter(|folder| folder.is_dir());
    let entries = folders.flat_map(WalkDir::new);
    let paths = entries.map(|entry| entry.expect("a readable folder").into_path());
    let sources = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let mut files: Vec<(usize, String)> = sources
        .map(|path| {
            let lines = crate::workspace::read(&path).lines().count();
            (
                lines,
                path.strip_prefix(of).unwrap_or(&path).display().to_string(),
            )
        })
        .collect();
    files.sort();
    files
}

/// Describes what is too long among files given by length and name, the shortest first.
pub(crate) fn judge(folder: &str, files: &[(usize, String)]) -> String {
    let mut text = String::new();
    let Some((median, _)) = files.get(files.len() / 2) else {
        return text;
    };
    if *median > MEDIAN {
        text += &format!("    {folder}: the median file has {median} lines\n");
    }
    let long: Vec<String> = files
        .iter()
        .filter(|(lines, _)| *lines > LONG)
        .map(|(lines, name)| format!("{name} ({lines})"))
        .collect();
    if long.len() * 10 > files.len() {
        let all = files.len();
        text += &format!(
            "    {folder}: {} of {all} files are longer than {LONG} lines: {}\n",
            long.len(),
            long.join(", ")
        );
    }
    text
}
