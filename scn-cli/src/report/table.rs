//! Tables of a report.

use super::captioned::CaptionedPicture;

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) columns: Vec<String>,
    /// Rows of cells. The first cell is the heading of its row.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Whether the table is initially collapsed.
    pub(crate) folded: bool,
    /// Highlighted columns, counted from 0.
    pub(crate) marked: Vec<usize>,
    pub(crate) narrow: Narrow,
}

/// Maximum number of rows of a table that is not collapsed.
const LONG: usize = 12;

/// Maximum number of letters of a cell that is kept on one line.
const LONG_CELL: usize = 30;

/// The layout of a table on a page that is too narrow for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrow {
    /// The table scrolls within its own box.
    Scrolls,
    /// The table scrolls, and its row headings stay in view.
    HoldsHeads,
    /// Each row becomes a vertical list of its cells.
    Stacks,
}

#[derive(Debug)]
pub(crate) enum Cell {
    Text(String),
    /// A text, possibly empty, with notes below it.
    Noted {
        text: String,
        notes: Vec<String>,
    },
    Pictures(Vec<CaptionedPicture>),
}

impl Table {
    /// Creates a table without rows.
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

    /// Adds a row of text cells.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(Cell::Text).collect());
    }

    /// Collapses the table if it is long.
    pub(crate) fn fold_if_long(&mut self) {
        self.folded = self.rows.len() > LONG;
    }

    /// Whether rows become lists on a narrow page.
    pub(crate) fn stacks(&self) -> bool {
        self.narrow == Narrow::Stacks
    }

    /// Whether row headings stay in view on a narrow page, and column headings break into lines.
    pub(crate) fn holds_heads(&self) -> bool {
        self.narrow == Narrow::HoldsHeads
    }

    /// Returns the name of a column.
    pub(crate) fn label(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |name| name)
    }

    /// Returns the CSS classes of the table's box.
    pub(crate) fn class(&self) -> &'static str {
        match self.narrow {
            Narrow::Scrolls => "scroll",
            Narrow::HoldsHeads => "scroll holds",
            Narrow::Stacks => "scroll stacks",
        }
    }

    /// Returns the CSS classes of a column heading: those of the first cell in the column that has
    /// any.
    pub(crate) fn head_class(&self, column: usize) -> String {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let kind = cells.map(Cell::kind).find(|kind| !kind.is_empty());
        self.classes(column, kind.unwrap_or(""))
    }

    /// Returns the CSS classes of a cell.
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

    /// Whether the cell is empty.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Noted { text, notes } => text.is_empty() && notes.is_empty(),
            Self::Pictures(pictures) => pictures.is_empty(),
        }
    }
}
