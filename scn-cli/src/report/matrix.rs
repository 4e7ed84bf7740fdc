//! The confusion matrix as a plot.

use std::fmt::Write;

use super::markup::escape;
use super::palette::{GRID, HIT, INK, PAPER, RIGHT, TEST, WRONG};

/// More classes than this are shown without names and counts, which nobody could read.
pub(crate) const READABLE: usize = 20;

/// Rows are labels, columns predictions; the darker, the larger the share of the label's images.
pub(crate) fn draw(confusion: &[Vec<u64>], names: &[String]) -> String {
    let classes = confusion.len();
    let readable = classes <= READABLE;
    let cell = if readable { 40 } else { 520 / classes.max(1) }.max(2);
    let longest = names.iter().map(|name| name.chars().count()).max();
    let margin = if readable {
        36 + 8 * longest.unwrap_or(0)
    } else {
        36
    };
    let side = cell * classes;
    let (width, height) = (margin + side + 12, margin + side + 12);
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n\
         <g font-family=\"sans-serif\" font-size=\"15\" fill=\"{}\">\n\
         <text x=\"18\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {})\">label</text>\n\
         <text x=\"{}\" y=\"18\" text-anchor=\"middle\">prediction</text>\n",
        PAPER.hex(),
        INK.hex(),
        margin + side / 2,
        margin + side / 2,
        margin + side / 2,
    );
    if readable {
        for (class, name) in names.iter().enumerate() {
            let (name, at) = (escape(name), margin + class * cell + cell / 2 + 5);
            let before = margin - 8;
            let _ = writeln!(
                svg,
                "<text x=\"{before}\" y=\"{at}\" text-anchor=\"end\">{name}</text>\
                 <text x=\"{at}\" y=\"{before}\" transform=\"rotate(-90 {at} {before})\">{name}</text>"
            );
        }
    }
    svg.push_str("</g>\n");
    for (label, row) in confusion.iter().enumerate() {
        let images = row.iter().sum::<u64>().max(1) as f64;
        for (prediction, &count) in row.iter().enumerate() {
            if count > 0 {
                let (x, y) = (margin + prediction * cell, margin + label * cell);
                let right = label == prediction;
                let share = count as f64 / images;
                // A few mistakes among many images are to be seen, too.
                let opacity = if right {
                    share
                } else {
                    0.2 + 0.8 * share.sqrt()
                };
                let colour = match (right, readable) {
                    (true, true) => RIGHT,
                    (false, true) => WRONG,
                    (true, false) => HIT,
                    (false, false) => TEST,
                }
                .hex();
                let name = |class: usize| names.get(class).map_or(String::new(), |n| escape(n));
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{cell}\" height=\"{cell}\" fill=\"{colour}\" fill-opacity=\"{opacity:.3}\">\
                     <title>{} taken for {}: {count}</title></rect>",
                    name(label),
                    name(prediction)
                );
                if readable {
                    let _ = writeln!(
                        svg,
                        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"14\" fill=\"{}\">{count}</text>",
                        x + cell / 2,
                        y + cell / 2 + 5,
                        INK.hex()
                    );
                }
            }
        }
    }
    let _ = writeln!(
        svg,
        "<rect x=\"{margin}\" y=\"{margin}\" width=\"{side}\" height=\"{side}\" fill=\"none\" stroke=\"{}\"/>\n</svg>",
        GRID.hex()
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_drawn_once() {
        let names = ["a<b", "c"].map(String::from);
        let svg = draw(&[vec![5, 1], vec![0, 9]], &names);
        let page = roxmltree::Document::parse(&svg).unwrap();
        let titles: Vec<_> = page
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")))
            .filter_map(|node| node.text())
            .collect();
        assert_eq!(
            titles,
            [
                "a<b taken for a<b: 5",
                "a<b taken for c: 1",
                "c taken for c: 9"
            ]
        );
        let many = draw(&vec![vec![1; 100]; 100], &vec!["x".to_string(); 100]);
        assert_eq!(many.matches("<title>").count(), 10_000);
        assert!(!many.contains(">1</text>"));
    }
}
