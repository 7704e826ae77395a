//! A way in for every node: insertion leaves a few to which no link leads.

use super::graph::{FlatGraph, LINKS_MAX, NONE};
use super::scratch::Scratch;
use super::space::Space;
use super::walk::Steps;

/// Candidates for the node that gets the link.
const NEAR: usize = 48;

/// Rounds at most: a link that gives way in one can leave another node unreached.
const ROUNDS: usize = 16;

/// Links unreached nodes from the nearest node that has a free place, or that can spare a link.
/// O(links), and a walk for each unreached node.
pub(super) fn repair(graph: &mut FlatGraph, space: &Space<'_>, scratch: &mut Scratch) {
    // Links made here don't give way: else two nodes could push each other out for ever.
    let mut kept = Vec::new();
    for _ in 0..ROUNDS {
        let mut reached = Reached::from_entry(graph);
        if reached.count == graph.as_ref().len() {
            return;
        }
        for node in 0..graph.as_ref().len() as u32 {
            if !reached.seen[node as usize] {
                let from = link_to(graph, space, &mut reached, (node, &kept), scratch);
                kept.push((from, node));
                reached.spread(graph, node);
            }
        }
    }
}

/// Which nodes can be reached, and how many links lead to each.
struct Reached {
    seen: Vec<bool>,
    ways_in: Vec<u32>,
    count: usize,
}

impl Reached {
    fn from_entry(graph: &FlatGraph) -> Self {
        let nodes = graph.as_ref().len();
        let mut ways_in = vec![0; nodes];
        for &link in graph.ground.iter().filter(|&&link| link != NONE) {
            ways_in[link as usize] += 1;
        }
        let mut reached = Self { seen: vec![false; nodes], ways_in, count: 0 };
        reached.spread(graph, graph.as_ref().entry_node());
        reached
    }

    fn spread(&mut self, graph: &FlatGraph, from: u32) {
        let mut waiting = vec![from];
        while let Some(node) = waiting.pop() {
            if !std::mem::replace(&mut self.seen[node as usize], true) {
                self.count += 1;
                let links = graph.as_ref().links(node).iter().copied();
                waiting.extend(links.filter(|&link| !self.seen[link as usize]));
            }
        }
    }
}

/// Gives `node` a way in; from where.
fn link_to(
    graph: &mut FlatGraph,
    space: &Space<'_>,
    reached: &mut Reached,
    (node, kept): (u32, &[(u32, u32)]),
    scratch: &mut Scratch,
) -> u32 {
    walk_to(graph, space, node, scratch);
    let near: Vec<u32> =
        scratch.found().map(|(_, near)| near).filter(|&near| near != node).collect();
    let free = |&&near: &&u32| graph.as_ref().links(near).len() < graph.ground_links;
    if let Some(&near) = near.iter().find(free) {
        let count = graph.as_ref().links(near).len();
        graph.ground[near as usize * graph.ground_links + count] = node;
        return near;
    }
    let from = near.first().copied().unwrap_or_else(|| graph.as_ref().entry_node());
    // The farthest link is the last one, roughly; one whose node has other ways in, if there is.
    let at = from as usize * graph.ground_links;
    let list = &graph.ground[at..at + graph.ground_links];
    let may_go = |place: &usize| !kept.contains(&(from, list[*place]));
    let spare = |place: &usize| may_go(place) && reached.ways_in[list[*place] as usize] > 1;
    let mut places = (0..list.len()).rev();
    let place = places.clone().find(spare).or_else(|| places.find(may_go)).unwrap_or(0);
    reached.ways_in[list[place] as usize] -= 1;
    graph.ground[at + place] = node;
    from
}

/// Finds reached nodes near `node`.
fn walk_to(graph: &FlatGraph, space: &Space<'_>, node: u32, scratch: &mut Scratch) {
    let graph = graph.as_ref();
    let steps = Steps {
        score: |ids: &[u32], out: &mut [f32]| space.between(node, ids, out),
        links: |node, out: &mut [u32]| {
            let links = graph.links(node);
            out[..links.len().min(LINKS_MAX)].copy_from_slice(links);
            links.len()
        },
        ahead: |_| {},
    };
    steps.run(graph.len(), &[graph.entry_node()], NEAR, scratch);
}
