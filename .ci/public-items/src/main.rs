//! Lists the public items of a crate, one per line, from JSON written by rustdoc:
//! `public-items FILE.json`.
//!
//! Exits with code 3 if this program does not read the format of the file.

use std::collections::HashSet;
use std::error::Error;
use std::process::ExitCode;

use public_api::{Builder, PublicApi};
use rustdoc_types::FORMAT_VERSION;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected FILE.json")?;
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let format = &json["format_version"];
    if *format != FORMAT_VERSION {
        eprintln!("expected rustdoc format {FORMAT_VERSION}, found {format}");
        return Ok(ExitCode::from(3));
    }
    let krate = path
        .rsplit('/')
        .next()
        .and_then(|name| name.strip_suffix(".json"))
        .unwrap_or_default();
    let written = Builder::from_rustdoc_json(&path)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true);
    let all = lines(&written.clone().build()?);
    let without_derived: HashSet<String> = lines(&written.omit_auto_derived_impls(true).build()?)
        .into_iter()
        .collect();
    for line in all {
        // For derived traits it is enough to list the impl.
        let derived_trait = line.starts_with("impl") && !line.contains("::StructuralPartialEq ");
        if derived_trait || without_derived.contains(&line) {
            println!("{}", without_foreign_modules(&line, krate));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(api: &PublicApi) -> Vec<String> {
    api.items().map(ToString::to_string).collect()
}

/// Shortens `scn_solvers::problem::Problem` to `scn_solvers::Problem`, unless `krate` is
/// `scn_solvers`. rustdoc names foreign types by the modules that define them, which may be private
/// and move.
fn without_foreign_modules(line: &str, krate: &str) -> String {
    let mut short = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let end = rest
            .find(|c| is_path(c) != is_path(rest.chars().next().unwrap_or_default()))
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let segments: Vec<&str> = word.split("::").collect();
        match segments
            .iter()
            .position(|segment| segment.starts_with(char::is_uppercase))
        {
            Some(name) if name > 1 && segments[0].starts_with("scn_") && segments[0] != krate => {
                short += segments[0];
                for segment in &segments[name..] {
                    short += "::";
                    short += segment;
                }
            }
            _ => short += word,
        }
        rest = behind;
    }
    short
}
