//! The document docs/configuration.md, which the test below compares with the settings.

use super::prose::{Piece, paragraphs, pieces};
use super::setting::{self, Choice, Section, Setting};

const HEAD: &str = "\
# Configuration

<!-- Generated from the types in scn-net/src/config. After a change there:
     SCN_RENEW=1 cargo test -p scn-cli --bin scn configuration -->

This reference describes every setting of a training run. Settings are written in a file in
[TOML](https://toml.io) format, which `scn train --config FILE.toml` reads. The option `--set`
changes a single setting, named by its table and key. Each run saves its settings as `config.toml`
in its folder.

    scn presets cifar10-scn1 > mine.toml                 # the settings of a preset, with comments
    scn train --print-config --epochs 20 > mine.toml     # the settings of a run with these options
    scn train --config mine.toml --set training.learning_rate=0.05

A setting without a default is required. Any other setting can be left out; it then has its default
or is off. Unknown settings and values out of range are refused. The manual page `scn-config`, which
`scn man` writes, contains the same reference.
";

/// Returns the whole document.
fn document() -> String {
    let mut out = HEAD.to_string();
    for section in setting::all().sections() {
        write_section(&mut out, &section);
    }
    out
}

fn write_section(out: &mut String, section: &Section) {
    if section.name.is_empty() {
        out.push_str("\n## Top-level settings\n");
    } else {
        out.push_str(&format!("\n## `{}`\n", section.heading()));
    }
    if section.optional {
        out.push_str("\nThis table is off if it is absent.\n");
    }
    for paragraph in paragraphs(&section.table.description) {
        out.push_str(&format!("\n{}\n", markdown(&paragraph)));
    }
    out.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
    for (setting, words, choices) in section.values() {
        let default = match &setting.default {
            Some(default) => format!("`{default}`"),
            None if setting.optional => "off".to_string(),
            None => String::new(),
        };
        let cells = [
            format!("`{}`", setting.name),
            words.to_string(),
            default,
            meaning(setting, choices),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}

/// Returns the meaning of a setting, followed by its choices on separate lines.
fn meaning(setting: &Setting, choices: &[Choice]) -> String {
    let all = |description: &str| {
        let paragraphs = paragraphs(description);
        let written: Vec<String> = paragraphs.iter().map(|text| markdown(text)).collect();
        written.join("<br>")
    };
    let mut lines = vec![all(&setting.description)];
    for choice in choices {
        lines.push(match all(&choice.description) {
            none if none.is_empty() => format!("`{}`", choice.value),
            description => format!("`{}`: {description}", choice.value),
        });
    }
    lines.join("<br>")
}

/// Returns a paragraph as Markdown, without links to items of the crates.
fn markdown(paragraph: &str) -> String {
    let written = |piece| match piece {
        Piece::Plain(text) => text.to_string(),
        Piece::Code(code) => format!("`{code}`"),
        Piece::Link(label, address) => format!("[{label}]({address})"),
    };
    pieces(paragraph).into_iter().map(written).collect()
}

#[test]
fn configuration_md_is_what_the_types_say() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let expected = document();
    if std::env::var_os("SCN_RENEW").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected
        .lines()
        .zip(found.lines().chain(std::iter::repeat("")))
        .find(|(expected, found)| expected != found);
    assert!(
        found == expected,
        "docs/configuration.md does not match the types in scn-net/src/config; the first difference is {differs:?}; to renew it:\n\n    \
         SCN_RENEW=1 cargo test -p scn-cli --bin scn configuration\n"
    );
}

#[test]
fn every_setting_is_in_the_document() {
    let document = document();
    for section in setting::all().sections() {
        let heading = format!("\n## `{}`\n", section.heading());
        let from = if section.name.is_empty() {
            0
        } else {
            document.find(&heading).unwrap()
        };
        for (setting, ..) in section.values() {
            let row = format!("\n| `{}` | ", setting.name);
            assert!(document[from..].contains(&row), "{}", setting.name);
        }
    }
}
