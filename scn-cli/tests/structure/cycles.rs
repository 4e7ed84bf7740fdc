//! Cycles among arrows, and the floor of each file.

use std::fmt::Write;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::arrows::Arrows;
use crate::modules::Crate;

/// Returns the strongly connected groups of files. Files on the same cycle share a group, and every
/// group comes after the groups that it needs.
pub(crate) fn groups(of: &Crate, arrows: &Arrows) -> Vec<Vec<usize>> {
    let mut graph = DiGraphMap::<usize, ()>::from_edges(arrows.keys().copied());
    for file in 0..of.files.len() {
        graph.add_node(file);
    }
    tarjan_scc(&graph)
}

/// Describes the cycles, each with all its arrows. The text is empty if there are none.
pub(crate) fn cycles(of: &Crate, arrows: &Arrows) -> String {
    let mut text = String::new();
    for circle in groups(of, arrows).iter().filter(|group| group.len() > 1) {
        let inside = |(from, to): &(usize, usize)| circle.contains(from) && circle.contains(to);
        let _ = writeln!(text, "a cycle of {} files:", circle.len());
        for ((from, to), names) in arrows.iter().filter(|(ends, _)| inside(ends)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (from, to) = (&of.files[*from], &of.files[*to]);
            let _ = writeln!(text, "    {from} -> {to}: {}", names.join(", "));
        }
    }
    text
}

/// Returns the floor of each file, from 1: one above the highest of the files that it needs.
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
