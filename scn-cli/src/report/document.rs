//! What a report says, once for all its forms.

use super::captioned::CaptionedPicture;
use super::drawing::Drawing;
use super::table::Table;

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
    pub(crate) drawing: Drawing,
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
