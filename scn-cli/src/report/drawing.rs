//! Plots as SVG.

use anyhow::Result;
use askama::Template;

use super::palette::Dark;

/// A drawing in the colours of the [palette](super::palette).
#[derive(Debug)]
pub(crate) struct Drawing {
    /// Width in pixels.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// SVG elements.
    pub(crate) elements: String,
}

#[derive(Template)]
#[template(path = "figure.svg")]
struct Svg<'a> {
    drawing: &'a Drawing,
    /// Alternative text for readers who cannot see the drawing.
    description: &'a str,
    /// Style sheet of a separate file. Within a page, the page provides it.
    style: Option<String>,
}

impl Drawing {
    /// Renders the drawing for a page that has the [dark style sheet](Dark).
    pub(crate) fn within_a_page(&self, description: &str) -> askama::Result<String> {
        let svg = Svg {
            drawing: self,
            description,
            style: None,
        };
        svg.render()
    }

    /// Renders the drawing as a separate file.
    pub(crate) fn file(&self, description: &str) -> Result<String> {
        let svg = Svg {
            drawing: self,
            description,
            style: Some(Dark::of(&self.elements).render()?),
        };
        Ok(svg.render()?)
    }
}
