//! Lengths of files.

use std::path::Path;

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
    let sources = crate::workspace::sources(of, folders, &["rs"]).into_iter();
    let lengths = sources.map(|(name, text)| (text.lines().count(), name));
    let mut files: Vec<(usize, String)> = lengths.collect();
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
