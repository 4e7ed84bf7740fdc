//! Rules for the dependencies between the files of a crate, and between crates: arrows point down.
//!
//! `modules` reads the source of a crate, `resolve` finds the file that defines a name, `arrows`
//! collects the dependencies, and `cycles` and `floors` check them. `made` tests all of this on
//! small crates. `document` reads the documents; what they point to must be there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrows;
mod comments;
mod cycles;
mod document;
mod floors;
mod imports;
mod lengths;
mod links;
mod made;
mod modules;
mod paths;
mod resolve;
mod workspace;

use std::collections::BTreeSet;
use std::path::Path;

use document::Document;
use modules::Crate;

/// Collects what `wrong` finds in each crate, and fails with all of it.
fn every_crate(wrong: impl Fn(&Path, &str) -> String) {
    let Some(root) = workspace::root() else {
        return;
    };
    let mut found = String::new();
    for name in workspace::crates(&root) {
        let text = wrong(&root, &name);
        if !text.is_empty() {
            found += &format!("{name}:\n{text}");
        }
    }
    assert!(found.is_empty(), "\n{found}");
}

#[test]
fn files_form_no_cycle() {
    every_crate(|root, name| {
        let read = Crate::read(&root.join(name).join("src"));
        cycles::cycles(&read, &arrows::arrows(&read))
    });
}

#[test]
fn files_keep_to_the_floors_of_the_architecture() {
    every_crate(|root, name| {
        let read = Crate::read(&root.join(name).join("src"));
        let text = workspace::read(&root.join("docs/architecture.md"));
        floors::differences(&read, &arrows::arrows(&read), &floors::listed(&text, name))
    });
}

#[test]
fn files_are_short() {
    every_crate(|root, name| lengths::wrong(&root.join(name)));
}

#[test]
fn comments_are_narrow() {
    every_crate(|root, name| comments::wide(&root.join(name)));
}

#[test]
fn a_wide_comment_is_found() {
    let words = "word ".repeat(20);
    assert!(comments::is_wide(&format!("    /// {words}")));
    assert!(!comments::is_wide(&format!("    /// | {words} |")));
    assert!(!comments::is_wide(&format!("//! {}", &words[..90])));
    assert!(!comments::is_wide(&format!("    let code = \"{words}\";")));
}

/// The first table of docs/architecture.md lists the dependencies of each crate.
#[test]
fn crates_depend_on_those_of_the_architecture() {
    let Some(root) = workspace::root() else {
        return;
    };
    let text = workspace::read(&root.join("docs/architecture.md"));
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("| crate | depends on |"))
        .skip(2);
    let mut above = BTreeSet::new();
    for row in rows.take_while(|row| row.starts_with('|')) {
        let cells: Vec<Vec<&str>> = row
            .split('|')
            .map(|cell| cell.split('`').skip(1).step_by(2).collect())
            .collect();
        let name = cells[1][0];
        let listed: BTreeSet<String> = cells[2].iter().map(|name| name.to_string()).collect();
        let known: BTreeSet<String> = workspace::known(&root, name).into_iter().collect();
        assert_eq!(
            known, listed,
            "crates in the manifest of {name}, and in docs/architecture.md"
        );
        assert!(
            listed.is_subset(&above),
            "{name} depends on a crate below it in the table"
        );
        above.insert(name.to_owned());
    }
    assert_eq!(above, workspace::crates(&root).into_iter().collect());
}

/// Fails with everything that `judge` finds wrong in any document, given all of them.
fn every_document(judge: impl Fn(&Path, &[Document], &Document) -> Vec<String>) {
    let Some(root) = workspace::root() else {
        return;
    };
    let root = root.canonicalize().unwrap();
    let documents = Document::all(&root);
    assert!(documents.len() > 40, "{} documents", documents.len());
    let mut found = Vec::new();
    for document in &documents {
        let path = document.path.strip_prefix(&root).unwrap().display();
        let wrong = judge(&root, &documents, document);
        found.extend(wrong.into_iter().map(|wrong| format!("{path}: {wrong}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    every_document(|_, all, document| links::wrong(all, document));
}

#[test]
fn paths_and_cargo_targets_exist() {
    every_document(|root, _, document| paths::wrong(root, document));
}

/// crates.io shows the README of a package without the rest of the workspace.
#[test]
fn readmes_of_crates_stay_inside_their_package() {
    every_document(|root, _, document| {
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
    let Some(root) = workspace::root() else {
        return;
    };
    let words = workspace::read(&root.join("README.md"));
    let words = words.split_whitespace().count();
    assert!(words < 700, "{words} words");
}
