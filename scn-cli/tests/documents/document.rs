//! The links, headings and code of a Markdown file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Anchorizer, Arena, Options, parse_document};

/// Attributes of HTML elements that hold an address.
const ATTRIBUTES: [&str; 3] = ["src=\"", "srcset=\"", "href=\""];

pub(crate) struct Document {
    pub(crate) path: PathBuf,
    /// The targets of links and pictures, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    /// The anchors of its headings, as GitHub makes them.
    pub(crate) anchors: BTreeSet<String>,
    /// Code between backticks, and the lines of code blocks, with their lines.
    pub(crate) code: Vec<(usize, String)>,
}

impl Document {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut options = Options::default();
        options.extension.table = true;
        options.extension.math_dollars = true;
        let arena = Arena::new();
        let root = parse_document(&arena, &text, &options);
        let mut document = Self {
            path: path.to_path_buf(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            code: Vec::new(),
        };
        let mut anchorizer = Anchorizer::new();
        for node in root.descendants() {
            let line = node.data.borrow().sourcepos.start.line;
            match &node.data.borrow().value {
                NodeValue::Link(link) | NodeValue::Image(link) => {
                    document.links.push((line, link.url.clone()));
                }
                NodeValue::Heading(_) => {
                    document
                        .anchors
                        .insert(anchorizer.anchorize(&text_of(node)));
                }
                NodeValue::HtmlInline(html) => document.add_html(line, html),
                NodeValue::HtmlBlock(block) => document.add_html(line, &block.literal),
                NodeValue::Code(code) => document.code.push((line, code.literal.clone())),
                NodeValue::CodeBlock(block) => {
                    let lines = block.literal.lines().map(str::to_owned);
                    document.code.extend((line..).zip(lines));
                }
                _ => {}
            }
        }
        document
    }

    fn add_html(&mut self, line: usize, html: &str) {
        for attribute in ATTRIBUTES {
            for rest in html.split(&format!(" {attribute}")).skip(1) {
                let url = rest.split('"').next().unwrap();
                self.links.push((line, url.to_owned()));
            }
        }
    }
}

/// The text of a heading without its markup.
fn text_of<'a>(node: &'a AstNode<'a>) -> String {
    let texts = node
        .descendants()
        .map(|node| match &node.data.borrow().value {
            NodeValue::Text(text) => text.to_string(),
            NodeValue::Code(code) => code.literal.clone(),
            _ => String::new(),
        });
    texts.collect()
}
