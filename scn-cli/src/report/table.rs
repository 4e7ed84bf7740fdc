//! Tables of a report.

use super::captioned::CaptionedPicture;

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

/// Cells with more letters may break their line.
const LONG_CELL: usize = 30;

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

    /// Whether rows become lists on a narrow page.
    pub(crate) fn stacks(&self) -> bool {
        self.narrow == Narrow::Stacks
    }

    /// Whether heads of columns are broken into lines on a narrow page.
    pub(crate) fn holds_heads(&self) -> bool {
        self.narrow == Narrow::HoldsHeads
    }

    /// The name of a column.
    pub(crate) fn label(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |name| name)
    }

    /// The classes of its box.
    pub(crate) fn class(&self) -> &'static str {
        match self.narrow {
            Narrow::Scrolls => "scroll",
            Narrow::HoldsHeads => "scroll holds",
            Narrow::Stacks => "scroll stacks",
        }
    }

    /// The classes of a column's head: those of its first cell that has any.
    pub(crate) fn head_class(&self, column: usize) -> String {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let kind = cells.map(Cell::kind).find(|kind| !kind.is_empty());
        self.classes(column, kind.unwrap_or(""))
    }

    /// The classes of a cell.
    pub(crate) fn cell_class(&self, column: usize, cell: &Cell) -> String {
        let kind = match cell {
            Cell::Text(text) if text.chars().count() > LONG_CELL => "long",
            cell => cell.kind(),
        };
        self.classes(column, kind)
    }

    fn classes(&self, column: usize, kind: &'static str) -> String {
        let mark = match self.marked.contains(&column) {
            true => "marked",
            false => "",
        };
        [kind, mark].join(" ").trim().to_string()
    }
}

impl Cell {
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "",
            Self::Noted { .. } => "noted",
            Self::Pictures(_) => "pictures",
        }
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Noted { text, notes } => text.is_empty() && notes.is_empty(),
            Self::Pictures(pictures) => pictures.is_empty(),
        }
    }
}
