//! Reports: `report.html`, `report.md` and their plots as SVG files.

mod captioned;
mod changes;
mod chart;
mod comparison;
mod contents;
mod curves;
mod document;
mod drawing;
mod escape;
mod files;
mod findings;
mod history;
mod html;
mod markdown;
mod matrix;
mod palette;
mod paper;
mod reproduction;
mod run;
mod sheet;
mod table;
mod usage;

use anyhow::Result;
use scn_net::RunFolder;

pub(crate) use self::changes::Change;
pub(crate) use self::comparison::{Compared, chosen_by, write as write_comparison};
pub(crate) use self::findings::Findings;
pub(crate) use self::paper::{PrintedTable, TABLE_1, TABLE_2, TABLE_3};
pub(crate) use self::reproduction::{Reproduction, Row};
pub(crate) use self::run::Run;
pub(crate) use self::sheet::draw as draw_sheet;
pub(crate) use self::usage::{Usage, largest};

/// Writes the report on a run to its folder, and returns the names of the files.
pub(crate) fn write(run: &Run, folder: &RunFolder) -> Result<Vec<String>> {
    files::write(&contents::document(run)?, folder.path())
}
