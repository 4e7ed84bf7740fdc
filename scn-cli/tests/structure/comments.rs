//! Widths of comments.

use std::path::Path;

use walkdir::WalkDir;

/// Width that a line of a comment may have.
const WIDTH: usize = 100;

/// Lists the comments of a crate that are too wide, in Rust and CUDA sources.
///
/// Rows of tables, formulas in TeX and lines with an address cannot be broken.
pub(crate) fn wide(of: &Path) -> String {
    let folders = [
        "src",
        "tests",
        "benches",
        "examples",
        "kernels",
        "fuzz/fuzz_targets",
    ];
    let folders = folders.map(|folder| of.join(folder));
    let folders = folders.into_iter().filter(|folder| folder.is_dir());
    let paths = folders
        .flat_map(|folder| WalkDir::new(folder).sort_by_file_name())
        .map(|entry| entry.expect("a readable folder").into_path());
    let mut text = String::new();
    for path in paths {
        let end = path.extension().unwrap_or_default();
        if !["rs", "cu", "cuh", "h", "cpp"]
            .iter()
            .any(|source| end == *source)
        {
            continue;
        }
        let source = crate::workspace::read(&path);
        let lines = source.lines().zip(1..).filter(|(line, _)| is_wide(line));
        for (line, number) in lines {
            let shown = path.strip_prefix(of).unwrap_or(&path).display();
            text += &format!(
                "    {shown}, line {number}: {} columns\n",
                line.chars().count()
            );
        }
    }
    text
}

/// Whether a line is a comment that is too wide.
pub(crate) fn is_wide(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else {
        return false;
    };
    let comment = comment.trim_start_matches(['/', '!']).trim_start();
    let unbreakable =
        comment.starts_with('|') || comment.starts_with("<!-- math:") || comment.contains("://");
    line.chars().count() > WIDTH && !unbreakable
}
