//! The manual page scn-config(5).

use std::io;

use roff::{Inline, Roff, bold, italic, roman};

use super::prose::{Piece, paragraphs, pieces};
use super::setting::{self, Choice, Section, Setting};

/// Returns the page in the format of `man`.
///
/// # Errors
/// Returns an error if writing to memory fails.
pub(crate) fn page() -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    let version = concat!("scn ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["scn-config", "5", "", version, ""]);
    page.control("SH", ["NAME"]);
    page.text([roman("scn-config - settings of a run")]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([
        bold("scn train --config"),
        roman(" "),
        italic("FILE.toml"),
        roman(" ["),
        bold("--set"),
        roman(" "),
        italic("KEY=VALUE"),
        roman("]..."),
    ]);
    page.control("SH", ["DESCRIPTION"]);
    for paragraph in [
        "The settings of a run are written in a file in TOML format, such as the `config.toml` in the \
         folder of a run. The option `--set` of `scn train` changes a single setting, named by its \
         table and key, as in `training.momentum=0.8`.",
        "`scn train --print-config` prints a file with all settings and their meaning, and `scn \
         presets NAME` prints the settings of a preset in the same form.",
        "A setting without a default is required. Any other setting can be left out; it then has its \
         default or is off.",
    ] {
        prose(&mut page, paragraph);
    }
    let all = setting::all();
    for section in all.sections() {
        write_section(&mut page, &section);
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([
        bold("scn-train"),
        roman("(1), "),
        bold("scn-presets"),
        roman("(1)"),
    ]);
    let mut written = Vec::new();
    page.to_writer(&mut written)?;
    Ok(in_ascii(&String::from_utf8_lossy(&written)).into_bytes())
}

fn write_section(page: &mut Roff, section: &Section) {
    if section.name.is_empty() {
        page.control("SH", ["TOP-LEVEL SETTINGS"]);
    } else {
        page.control("SH", [section.heading().as_str()]);
    }
    if section.optional {
        prose(page, "This table is off if it is absent.");
    }
    for paragraph in paragraphs(&section.table.description) {
        prose(page, &paragraph);
    }
    for (setting, words, choices) in section.values() {
        write_setting(page, setting, words, choices);
    }
}

fn write_setting(page: &mut Roff, setting: &Setting, words: &str, choices: &[Choice]) {
    let default = match &setting.default {
        Some(default) => format!(", default {default}"),
        None if setting.optional => ", off if absent".to_string(),
        None => String::new(),
    };
    page.control("TP", []);
    page.text([
        bold(setting.name.as_str()),
        roman(format!(" ({words}{default})")),
    ]);
    for (index, paragraph) in paragraphs(&setting.description).iter().enumerate() {
        if index > 0 {
            page.control("IP", []);
        }
        page.text(inlines(paragraph));
    }
    if choices.is_empty() {
        return;
    }
    page.control("RS", []);
    for choice in choices {
        page.control("TP", []);
        page.text([bold(choice.value.as_str())]);
        page.text(inlines(&paragraphs(&choice.description).join(" ")));
    }
    page.control("RE", []);
}

/// Writes a separate paragraph.
fn prose(page: &mut Roff, paragraph: &str) {
    page.control("PP", []);
    page.text(inlines(paragraph));
}

fn inlines(paragraph: &str) -> Vec<Inline> {
    let inline = |piece| match piece {
        Piece::Plain(text) | Piece::Link(text, _) => roman(text),
        Piece::Code(code) => bold(code),
    };
    pieces(paragraph).into_iter().map(inline).collect()
}

/// Replaces non-ASCII characters by escapes, which every program that formats manual pages
/// understands.
fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            out.push_str(&format!("\\[u{:04X}]", u32::from(character)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_an_entry() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        assert!(page.is_ascii());
        for section in setting::all().sections() {
            for (setting, ..) in section.values() {
                // A hyphen is escaped, an underscore is not.
                let entry = format!(".TP\n\\fB{}\\fR (", setting.name);
                assert!(page.contains(&entry), "{}.{}", section.name, setting.name);
            }
        }
        assert!(page.contains("\\fB\"drops\"\\fR"), "{page}");
        assert!(page.contains("\\[u03BB]"), "{page}");
    }
}
