//! Ways in for nodes that can't be reached: each gets a link from a near node that can.

use vitrail_kernels::Sq8Ref;

use crate::flat::graph::FlatGraph;

/// Marks what can be reached from `from`, along unmarked nodes.
pub(crate) fn reach<'a>(from: u32, reached: &mut [bool], list: impl Fn(u32) -> &'a [u32]) {
    if std::mem::replace(&mut reached[from as usize], true) {
        return;
    }
    let mut waiting = vec![from];
    while let Some(node) = waiting.pop() {
        for &next in list(node) {
            if !std::mem::replace(&mut reached[next as usize], true) {
                waiting.push(next);
            }
        }
    }
}

/// Links every unreached node from the nearest reached node among its neighbours and theirs whose
/// list has room, else from any with room: no link is taken away, so that none gets lost anew.
/// Where every reached list is full, the rest stays unreached. O(links), and O(n) a node without
/// room around it.
pub(crate) fn open_ways_in(graph: &mut FlatGraph, codes: &Sq8Ref<'_>) {
    let mut reached = vec![false; graph.counts.len()];
    reach(graph.view().entry(), &mut reached, |node| graph.view().list(node));
    for node in 0..graph.counts.len() as u32 {
        if reached[node as usize] {
            continue;
        }
        if let Some(from) = way_in(graph, codes, node, &reached) {
            let from = from as usize;
            graph.links[from * graph.m0 + usize::from(graph.counts[from])] = node;
            graph.counts[from] += 1;
            reach(node, &mut reached, |node| graph.view().list(node));
        }
    }
}

fn way_in(graph: &FlatGraph, codes: &Sq8Ref<'_>, node: u32, reached: &[bool]) -> Option<u32> {
    let view = graph.view();
    let open = |near: &u32| {
        reached[*near as usize] && usize::from(graph.counts[*near as usize]) < graph.m0
    };
    let near = view.list(node).iter();
    let mut around: Vec<u32> =
        near.flat_map(|&near| view.list(near).iter().copied().chain([near])).filter(open).collect();
    around.sort_unstable();
    around.dedup();
    let mut distances = vec![0.0; around.len()];
    codes.distances(codes.row(node), &around, &mut distances);
    let nearest = around.iter().zip(&distances).min_by(|a, b| a.1.total_cmp(b.1));
    nearest.map(|(&near, _)| near).or_else(|| (0..graph.counts.len() as u32).find(open))
}
