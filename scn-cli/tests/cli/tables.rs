//! Tables fit a terminal of 80 columns, and their columns have distinct names.

use std::path::Path;

use crate::{scn, train_small};

/// Returns the output of a command, run in a folder so that paths are short.
fn printed(command: &str, folder: &Path) -> String {
    let mut scn = scn();
    scn.args(command.split(' ')).current_dir(folder);
    let output = scn.output().unwrap();
    assert!(output.status.success(), "{command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tables_fit_a_terminal_and_have_distinct_column_names() {
    let folder = tempfile::tempdir().unwrap();
    train_small(&folder.path().join("run"), &[])
        .assert()
        .success();
    // Each command with the first column name of its table.
    let commands = [
        ("presets", "name"),
        ("evaluate --model run", "label"),
        ("inspect --model run --layer 1 --usage", "layer"),
        ("data check digits", "class"),
        ("bench train --preset digits --steps 1 --warm-up 1", "phase"),
        ("bench infer --preset digits --steps 1 --warm-up 1", "layer"),
        (
            "bench solve --shape 27x16 --columns 48 --repeats 1",
            "shape",
        ),
        (
            "bench adjoint --shape 27x16 --columns 48 --repeats 1",
            "shape",
        ),
    ];
    for (command, first) in commands {
        let text = printed(command, folder.path());
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{command}:\n{text}");
            assert_eq!(line, line.trim_end(), "{command}:\n{text}");
        }
        let named = |line: &&str| {
            let mut words = line.split_whitespace();
            words.next() == Some(first) && words.next().is_some()
        };
        let heading = text.lines().find(named);
        let heading = heading.unwrap_or_else(|| panic!("{command}:\n{text}"));
        let mut names: Vec<&str> = heading
            .trim()
            .split("  ")
            .filter(|n| !n.is_empty())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{heading}");
    }
}

/// Scripts get the same text wherever they run.
#[test]
fn tables_do_not_depend_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let text = printed("presets", folder.path());
    let mut wide = scn();
    wide.arg("presets")
        .env("COLUMNS", "40")
        .env("CLICOLOR_FORCE", "1");
    wide.assert().success().stdout(text);
}
