//! Pages, read by strict parsers and rendered by a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use image::RgbImage;
use roxmltree::{Document, Node, ParsingOptions};

pub(crate) fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap()
}

pub(crate) fn parse(page: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(page, options).unwrap()
}

/// Returns all elements of this name, of HTML or SVG.
pub(crate) fn all<'a>(page: &'a Document, name: &str) -> Vec<Node<'a, 'a>> {
    let elements = page.descendants();
    elements
        .filter(|node| node.is_element() && node.tag_name().name() == name)
        .collect()
}

/// Returns the text of an element, with ordinary spaces.
pub(crate) fn text(node: Node) -> String {
    let parts: Vec<&str> = node
        .descendants()
        .filter(Node::is_text)
        .filter_map(|part| part.text())
        .filter(|part| !part.trim().is_empty())
        .collect();
    parts.join(", ").replace('\u{a0}', " ")
}

/// Checks that a page is well-formed, loads nothing from elsewhere, and has a text for every image.
pub(crate) fn check_page(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>"));
    let page = parse(page);
    assert_eq!(page.root_element().attribute("lang"), Some("en"));
    assert_eq!(
        all(&page, "title").first().map(|&title| text(title)),
        all(&page, "h1").first().map(|&h1| text(h1))
    );
    let viewport = all(&page, "meta")
        .into_iter()
        .find(|meta| meta.attribute("name") == Some("viewport"));
    assert_eq!(
        viewport.and_then(|meta| meta.attribute("content")),
        Some("width=device-width, initial-scale=1")
    );
    assert!(all(&page, "script").is_empty() && all(&page, "link").is_empty());
    for node in page.descendants().filter(Node::is_element) {
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(
                !value.contains("//") || value.starts_with("data:"),
                "{name}={value}"
            );
            if ["href", "src", "srcset", "data", "action"].contains(&name) {
                assert!(
                    value.starts_with("data:image/png;base64,"),
                    "{name}={value}"
                );
            }
        }
    }
    for style in all(&page, "style") {
        let style = text(style);
        assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("//"));
    }
    for image in all(&page, "img") {
        assert!(image.attribute("alt").is_some_and(|alt| !alt.is_empty()));
    }
    for plot in all(&page, "svg") {
        assert_eq!(plot.attribute("role"), Some("img"));
        assert!(
            plot.attribute("aria-label")
                .is_some_and(|label| !label.is_empty())
        );
    }
    for head in all(&page, "th") {
        assert!(matches!(head.attribute("scope"), Some("row" | "col")));
    }
}

/// Returns a headless browser, if there is one.
fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|output| output.status.success())
        })
}

/// Checks that a browser renders a page and its learning curve, if it has one, without overflow on
/// the right. Windows have these widths; the narrowest is also rendered in dark mode. Prints that
/// the check is skipped if there is no browser.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn browse(page: &Path, widths: &[u32]) {
    let Some(browser) = browser() else {
        eprintln!("skipped: chromium is not installed");
        return;
    };
    let narrowest = widths.iter().min().copied();
    let by_day = widths.iter().map(|&width| (false, width));
    for (dark, width) in by_day.chain(narrowest.map(|width| (true, width))) {
        let picture = shown(browser, page, dark, width);
        let paper = if dark { [0x1b, 0x1d, 0x21] } else { [0xff; 3] };
        for y in 0..picture.height() {
            for x in [0, width - 1] {
                assert_eq!(picture.get_pixel(x, y).0, paper, "{width} {dark} {x} {y}");
            }
        }
        let mut colours: Vec<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
        let painted = colours.iter().filter(|&&colour| colour != paper).count();
        colours.sort_unstable();
        colours.dedup();
        assert!(
            painted * 100 > (picture.width() * picture.height()) as usize && colours.len() > 100,
            "{painted} pixels, {} colours",
            colours.len()
        );
        if !read(page.to_path_buf()).contains("<svg") {
            continue;
        }
        // The line of test errors has its own colour.
        let line = if dark {
            [0xff, 0x9a, 0x6b]
        } else {
            [0xb4, 0x45, 0x1a]
        };
        assert!(colours.binary_search(&line).is_ok());
    }
}

/// Renders the top of a page.
fn shown(browser: &str, page: &Path, dark: bool, width: u32) -> RgbImage {
    let folder = tempfile::tempdir().unwrap();
    let shot = folder.path().join("page.png");
    let output = Command::new(browser)
        // The sandbox refuses to run as root, and the page is trusted.
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!dark)
        ))
        .arg(format!("--window-size={width},4000"))
        .arg(format!("--screenshot={}", shot.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let picture = image::open(&shot).unwrap().to_rgb8();
    assert_eq!(picture.width(), width, "{said}");
    picture
}
