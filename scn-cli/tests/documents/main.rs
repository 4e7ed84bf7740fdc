//! What the documents of the workspace point to is there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod document;
mod links;
mod paths;

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use document::Document;

/// Folders with no document of the project.
const SKIPPED: [&str; 4] = ["target", ".git", "runs", "data"];

/// Returns the folder of the workspace, or `None` in a package of this crate alone.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if root.join("docs/README.md").is_file() {
        return Some(root.canonicalize().unwrap());
    }
    eprintln!("skipped: the workspace of this crate is not here");
    None
}

/// Reads all Markdown files below `root`, in order of their paths.
fn documents(root: &Path) -> Vec<Document> {
    let walk = WalkDir::new(root).sort_by_file_name().into_iter();
    let kept = walk.filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        !(entry.file_type().is_dir() && SKIPPED.contains(&name.as_ref()))
    });
    let paths = kept.map(|entry| entry.unwrap().into_path());
    let markdown = paths.filter(|path| path.extension().is_some_and(|end| end == "md"));
    markdown.map(|path| Document::read(&path)).collect()
}

/// Fails with everything that `judge` finds wrong in any document.
fn every_document(judge: impl Fn(&Path, &Document) -> Vec<String>) {
    let Some(root) = root() else {
        return;
    };
    let documents = documents(&root);
    assert!(documents.len() > 40, "{} documents", documents.len());
    let mut found = Vec::new();
    for document in &documents {
        let path = document.path.strip_prefix(&root).unwrap().display();
        let wrong = judge(&root, document);
        found.extend(wrong.into_iter().map(|wrong| format!("{path}: {wrong}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    every_document(|_, document| links::wrong(document));
}

#[test]
fn paths_and_cargo_targets_exist() {
    every_document(paths::wrong);
}

/// crates.io shows the README of a package without the rest of the workspace.
#[test]
fn readmes_of_crates_stay_inside_their_package() {
    every_document(|root, document| {
        let folder = document.path.parent().unwrap();
        let of_crate = folder != root && folder.join("Cargo.toml").is_file();
        match of_crate && document.path.ends_with("README.md") {
            true => links::outside(document, folder),
            false => Vec::new(),
        }
    });
}

#[test]
fn the_readme_is_short() {
    let Some(root) = root() else {
        return;
    };
    let words = std::fs::read_to_string(root.join("README.md")).unwrap();
    let words = words.split_whitespace().count();
    assert!(words < 700, "{words} words");
}
