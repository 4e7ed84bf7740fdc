//! The content of a report, independent of its format.

use super::captioned::CaptionedPicture;
use super::drawing::Drawing;
use super::table::Table;

/// The content of a report.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// Whether its tables need a wide page.
    pub(crate) wide: bool,
    pub(crate) blocks: Vec<Block>,
}

#[derive(Debug)]
pub(crate) enum Block {
    Heading(&'static str),
    Text(String),
    Figure(Figure),
    /// Plots with captions, side by side if there is room.
    Figures(Vec<(String, Figure)>),
    Table(Table),
    /// Small images with captions. In a format that cannot embed images, the sheet shows them all
    /// in the same order.
    Gallery {
        sheet: Figure,
        pictures: Vec<CaptionedPicture>,
    },
    /// Preformatted text.
    Code(String),
}

/// A plot, which is also written to its own file.
#[derive(Debug)]
pub(crate) struct Figure {
    /// Name of its file.
    pub(crate) file: String,
    /// Alternative text for readers who cannot see the plot.
    pub(crate) description: String,
    pub(crate) drawing: Drawing,
}

impl Document {
    /// Returns all plots.
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
