//! Paths of the workspace and targets of cargo that documents name.

use std::path::Path;

use crate::document::Document;
use crate::workspace;

/// Describes every path and every target of cargo that is not there.
pub(crate) fn wrong(root: &Path, document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    let lines = document
        .code
        .iter()
        .flat_map(|code| (code.line..).zip(code.text.lines()));
    for (line, code) in lines {
        let words: Vec<&str> = code.split_whitespace().collect();
        for (i, path) in words.iter().enumerate() {
            // `--features scn-cli/mpi` is not a path.
            let is_feature = i > 0 && words[i - 1] == "--features";
            if is_path(path) && !is_feature && !root.join(path).exists() {
                found.push(format!("line {line}: no file {path}"));
            }
        }
        if words.first() != Some(&"cargo") {
            continue;
        }
        let targets = [
            ("--example", "examples"),
            ("--test", "tests"),
            ("--bench", "benches"),
        ];
        for (option, folder) in targets {
            let names = words.iter().zip(&words[1..]);
            let names = names.filter(|(word, _)| **word == option);
            for (_, name) in names.filter(|(_, name)| !has_target(root, folder, name)) {
                found.push(format!("line {line}: nothing for {option} {name}"));
            }
        }
    }
    found
}

/// Whether a word is a path from the root of the workspace, without patterns or placeholders.
fn is_path(word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    let rooted = first.starts_with("scn-") || matches!(first, "docs" | ".ci");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    rooted && word.contains('/') && word.chars().all(plain)
}

/// Whether any crate has `folder/NAME.rs` or `folder/NAME/main.rs`.
fn has_target(root: &Path, folder: &str, name: &str) -> bool {
    let crates = workspace::crates(root).into_iter();
    let mut folders = crates.map(|name| root.join(name).join(folder));
    folders.any(|folder| {
        folder.join(format!("{name}.rs")).is_file() || folder.join(name).join("main.rs").is_file()
    })
}
