//! Plots as SVG.

use anyhow::Result;
use askama::Template;

use super::palette::Dark;

/// What is drawn, in colours of the [palette](super::palette).
#[derive(Debug)]
pub(crate) struct Drawing {
    /// In pixels.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Elements of SVG.
    pub(crate) elements: String,
}

#[derive(Template)]
#[template(path = "figure.svg")]
struct Svg<'a> {
    drawing: &'a Drawing,
    /// For those who do not see it.
    description: &'a str,
    /// For a file that no page gives a style.
    style: Option<String>,
}

impl Drawing {
    /// Within a page that has the [style of the dark](Dark).
    pub(crate) fn within_a_page(&self, description: &str) -> askama::Result<String> {
        let svg = Svg {
            drawing: self,
            description,
            style: None,
        };
        svg.render()
    }

    /// As a file.
    pub(crate) fn file(&self, description: &str) -> Result<String> {
        let svg = Svg {
            drawing: self,
            description,
            style: Some(Dark::of(&self.elements).render()?),
        };
        Ok(svg.render()?)
    }
}
