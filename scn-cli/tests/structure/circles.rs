//! Circles among arrows, and the floor on which each file stands.

use std::fmt::Write;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::arrows::Arrows;
use crate::modules::Crate;

/// Files that need one another, one group a circle or several that share files; the files that a
/// file needs are in groups before its own.
pub(crate) fn groups(of: &Crate, arrows: &Arrows) -> Vec<Vec<usize>> {
    let mut graph = DiGraphMap::<usize, ()>::from_edges(arrows.keys().copied());
    for file in 0..of.files.len() {
        graph.add_node(file);
    }
    tarjan_scc(&graph)
}

/// The circles in words, each with all arrows that take part; empty if there are none.
pub(crate) fn circles(of: &Crate, arrows: &Arrows) -> String {
    let mut text = String::new();
    for circle in groups(of, arrows).iter().filter(|group| group.len() > 1) {
        let inside = |(from, to): &(usize, usize)| circle.contains(from) && circle.contains(to);
        let _ = writeln!(text, "a circle of {} files:", circle.len());
        for ((from, to), names) in arrows.iter().filter(|(ends, _)| inside(ends)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (from, to) = (&of.files[*from], &of.files[*to]);
            let _ = writeln!(text, "    {from} -> {to}: {}", names.join(", "));
        }
    }
    text
}

/// The floor of each file, from 1: one above the highest of the files that it needs.
pub(crate) fn heights(of: &Crate, arrows: &Arrows) -> Vec<usize> {
    let mut heights = vec![1; of.files.len()];
    for group in groups(of, arrows) {
        let needed = arrows
            .keys()
            .filter(|(from, to)| group.contains(from) && !group.contains(to));
        let floor = needed.map(|(_, to)| heights[*to] + 1).max().unwrap_or(1);
        for file in group {
            heights[file] = floor;
        }
    }
    heights
}
