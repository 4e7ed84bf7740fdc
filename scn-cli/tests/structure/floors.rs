//! The floors of a crate as listed in docs/architecture.md, and whether the files keep to them.

use std::fmt::Write;

use crate::arrows::Arrows;
use crate::cycles::heights;
use crate::modules::Crate;

/// Names listed for a floor: files (`error.rs`) and folders. A folder `tile/` means the module
/// `tile`: the file `tile.rs` and everything below it, except what is listed separately.
type Floor = Vec<String>;

/// Returns the floors that `text` lists for a crate, from the ground up. The result is empty
/// without such a list.
///
/// Floors are a numbered list under the heading `### scn-x`. An item starts with its names,
/// followed by a description: "1. `tile/`, `error.rs` - subject".
pub(crate) fn listed(text: &str, name: &str) -> Vec<Floor> {
    let lines = text
        .lines()
        .skip_while(|line| line.strip_prefix("### ") != Some(name))
        .skip(1);
    let mut items: Vec<String> = Vec::new();
    for line in lines.take_while(|line| !line.starts_with('#')) {
        let number = line
            .split_once(". ")
            .filter(|(number, _)| number.parse::<usize>().is_ok());
        match (number, items.last_mut()) {
            (Some((_, item)), _) => items.push(item.to_owned()),
            (None, Some(item)) if line.starts_with(' ') => {
                *item = format!("{item} {}", line.trim())
            }
            _ => {}
        }
    }
    items.iter().map(|item| names(item)).collect()
}

/// Returns the names in backticks at the start of an item, separated by commas.
fn names(item: &str) -> Floor {
    let mut found = Vec::new();
    for (place, part) in item.split('`').enumerate() {
        let is_name = place % 2 == 1;
        if is_name {
            found.push(part.to_owned());
        } else if place > 0 && part.trim() != "," {
            break;
        }
    }
    found
}

/// Describes all differences between the list and the files. The text is empty if they agree.
pub(crate) fn differences(of: &Crate, arrows: &Arrows, floors: &[Floor]) -> String {
    let mut text = String::new();
    let mut floor_of = Vec::new();
    for file in &of.files {
        let fitting = floors
            .iter()
            .enumerate()
            .flat_map(|(floor, names)| names.iter().map(move |name| (floor, name)));
        let fitting: Vec<_> = fitting.filter(|(_, name)| is_named(file, name)).collect();
        let closest = fitting.iter().map(|(_, name)| name.len()).max();
        let mut on = fitting
            .iter()
            .filter(|(_, name)| Some(name.len()) == closest)
            .map(|(floor, _)| floor + 1);
        let floor = on.next();
        match (floor, on.next()) {
            (None, _) => {
                let _ = writeln!(text, "    {file} is on no floor");
            }
            (Some(one), Some(other)) => {
                let _ = writeln!(text, "    {file} is on floor {one} and on floor {other}");
            }
            _ => {}
        }
        floor_of.push(floor);
    }
    for name in floors
        .iter()
        .flatten()
        .filter(|name| !of.files.iter().any(|file| is_named(file, name)))
    {
        let _ = writeln!(text, "    there is no {name}");
    }
    for ((from, to), names) in arrows {
        if let (Some(low), Some(high)) = (floor_of[*from], floor_of[*to])
            && low < high
        {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (from, to) = (&of.files[*from], &of.files[*to]);
            let _ = writeln!(
                text,
                "    {from} (floor {low}) needs {to} (floor {high}) for {}",
                names.join(", ")
            );
        }
    }
    if !text.is_empty() {
        text += "  the lowest possible floors:\n";
        text += &lowest(of, arrows);
    }
    text
}

fn is_named(file: &str, name: &str) -> bool {
    match name.strip_suffix('/') {
        Some(folder) => file
            .strip_prefix(folder)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/')),
        None => file == name,
    }
}

/// Returns a correct list: each file one floor above the highest of the files that it needs.
fn lowest(of: &Crate, arrows: &Arrows) -> String {
    let heights = heights(of, arrows);
    let mut text = String::new();
    for floor in 1..=heights.iter().copied().max().unwrap_or(0) {
        let on = of
            .files
            .iter()
            .zip(&heights)
            .filter(|(_, height)| **height == floor);
        let names: Vec<String> = on.map(|(file, _)| format!("`{file}`")).collect();
        let _ = writeln!(text, "    {floor}. {}", names.join(", "));
    }
    text
}
