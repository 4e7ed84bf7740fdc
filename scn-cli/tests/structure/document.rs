//! The links, headings and code of a Markdown file.

#![allow(
    dead_code,
    reason = "each test that includes this file reads a part of it"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Anchorizer, Arena, Options, parse_document};
use walkdir::WalkDir;

/// Folders without documents of the project.
const SKIPPED: [&str; 4] = ["target", ".git", "runs", "data"];

/// Attributes of HTML elements that hold an address.
const ATTRIBUTES: [&str; 3] = ["src=\"", "srcset=\"", "href=\""];

/// How code stands in a document.
#[derive(PartialEq)]
pub(crate) enum Form {
    Inline,
    Indented,
    /// Between fences, with the name of a language.
    Fenced(String),
}

pub(crate) struct Code {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) form: Form,
    /// The heading of level 2 above it, empty if there is none.
    pub(crate) section: String,
}

pub(crate) struct Document {
    pub(crate) path: PathBuf,
    /// The targets of links and pictures, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    /// The anchors of its headings, as GitHub makes them.
    pub(crate) anchors: BTreeSet<String>,
    pub(crate) code: Vec<Code>,
}

impl Document {
    /// Reads all Markdown files below `root`, in order of their paths.
    pub(crate) fn all(root: &Path) -> Vec<Self> {
        let walk = WalkDir::new(root).sort_by_file_name().into_iter();
        let kept = walk.filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            !(entry.file_type().is_dir() && SKIPPED.contains(&name.as_ref()))
        });
        let paths = kept.map(|entry| entry.unwrap().into_path());
        let markdown = paths.filter(|path| path.extension().is_some_and(|end| end == "md"));
        markdown.map(|path| Self::read(&path)).collect()
    }

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
        let mut section = String::new();
        for node in root.descendants() {
            let line = node.data.borrow().sourcepos.start.line;
            match &node.data.borrow().value {
                NodeValue::Link(link) | NodeValue::Image(link) => {
                    document.links.push((line, link.url.clone()));
                }
                NodeValue::Heading(heading) => {
                    let text = text_of(node);
                    document.anchors.insert(anchorizer.anchorize(&text));
                    if heading.level == 2 {
                        section = text;
                    }
                }
                NodeValue::HtmlInline(html) => document.add_html(line, html),
                NodeValue::HtmlBlock(block) => document.add_html(line, &block.literal),
                NodeValue::Code(code) => document.code.push(Code {
                    line,
                    text: code.literal.clone(),
                    form: Form::Inline,
                    section: section.clone(),
                }),
                NodeValue::CodeBlock(block) => document.code.push(Code {
                    line,
                    text: block.literal.trim_end().to_owned(),
                    form: match block.fenced {
                        true => Form::Fenced(block.info.clone()),
                        false => Form::Indented,
                    },
                    section: section.clone(),
                }),
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
