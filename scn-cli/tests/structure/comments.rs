//! Widths of comments.

use std::path::Path;

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
    let extensions = ["rs", "cu", "cuh", "h", "cpp"];
    let mut text = String::new();
    for (name, source) in crate::workspace::sources(of, &folders, &extensions) {
        let lines = source.lines().zip(1..).filter(|(line, _)| is_wide(line));
        for (line, number) in lines {
            let columns = line.chars().count();
            text += &format!("    {name}, line {number}: {columns} columns\n");
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
