//! What a report says, once for all its forms.

use std::sync::Arc;

use super::markup::escape;
use super::palette;

/// A page.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// Whether its tables need a wide window where there is one.
    pub(crate) wide: bool,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(crate) enum Block {
    Heading(&'static str),
    Text(String),
    Figure(Figure),
    /// Plots with captions, beside each other where there is room.
    Figures(Vec<(String, Figure)>),
    Table(Table),
    /// Small pictures with captions. Where pages cannot hold pictures, the sheet shows them all, in
    /// the same order.
    Gallery {
        sheet: Figure,
        pictures: Vec<CaptionedPicture>,
    },
    /// Text as it is in a file.
    Code(String),
}

/// A plot, also a file of its own.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Its file in the run folder.
    pub(crate) file: String,
    /// For those who do not see it.
    pub(crate) description: String,
    /// An `<svg>` in colours of [`palette`].
    pub(crate) svg: String,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) columns: Vec<String>,
    /// The first cell of each heads its row.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Whether it is opened on demand only.
    pub(crate) folded: bool,
    /// Columns set apart from the others, counted from 0.
    pub(crate) marked: Vec<usize>,
    pub(crate) narrow: Narrow,
}

/// Tables with more rows are opened on demand.
const LONG: usize = 12;

/// What a table does on a page too narrow for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrow {
    /// It scrolls within its own box.
    Scrolls,
    /// It scrolls, and the heads of its rows stay in view.
    HoldsHeads,
    /// Each row becomes a list of its cells, one below the other.
    Stacks,
}

#[derive(Debug)]
pub(crate) enum Cell {
    Text(String),
    /// A text, perhaps empty, and lines below it that belong to it.
    Noted {
        text: String,
        notes: Vec<String>,
    },
    Pictures(Vec<CaptionedPicture>),
}

/// A picture as PNG, a few pixels wide, and the words to it.
#[derive(Debug, Clone)]
pub(crate) struct CaptionedPicture {
    pub(crate) png: Arc<[u8]>,
    pub(crate) alternative: String,
    pub(crate) caption: String,
}

impl Figure {
    /// Within a page that has the [style of the dark](palette::dark_style).
    pub(crate) fn inline_svg(&self) -> String {
        let label = escape(&self.description);
        let start = format!("<svg role=\"img\" aria-label=\"{label}\" ");
        self.svg.replacen("<svg ", &start, 1)
    }

    /// As a file.
    pub(crate) fn svg_file(&self) -> String {
        let style = format!(">\n<style>\n{}</style>", palette::dark_style());
        self.inline_svg().replacen('>', &style, 1)
    }
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.iter().map(|&name| name.to_string()).collect(),
            rows: Vec::new(),
            folded: false,
            marked: Vec::new(),
            narrow: Narrow::Scrolls,
        }
    }

    /// Adds a row of text.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(Cell::Text).collect());
    }

    /// Has the table opened on demand if it is long.
    pub(crate) fn fold_if_long(&mut self) {
        self.folded = self.rows.len() > LONG;
    }
}

impl Document {
    /// Its plots.
    pub(crate) fn figures(&self) -> Vec<&Figure> {
        let mut all = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Figure(figure) | Block::Gallery { sheet: figure, .. } => all.push(figure),
                Block::Figures(figures) => all.extend(figures.iter().map(|(_, figure)| figure)),
                Block::Heading(_) | Block::Text(_) | Block::Table(_) | Block::Code(_) => {}
            }
        }
        all
    }
}
