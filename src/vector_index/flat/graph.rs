//! The lists of a graph: as vectors of its own, or as slices of a file.

use crate::flat::repair::reach;

/// A graph in memory of its own. [`FlatRef`] says what the numbers mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatGraph {
    /// Links of a list in layer 0.
    pub m0: usize,
    /// Links of a list above.
    pub m: usize,
    /// Layers above layer 0.
    pub layers: usize,
    /// Ranks of layer 1.
    pub first_ranks: usize,
    /// Where walks begin: a rank, or a node where there is only layer 0.
    pub start: u32,
    /// `[nodes]`.
    pub counts: Vec<u8>,
    /// `[nodes, m0]`.
    pub links: Vec<u32>,
    /// `[ranks]`.
    pub nodes: Vec<u32>,
    /// `[ranks]`.
    pub below: Vec<u32>,
    /// `[ranks]`.
    pub upper_counts: Vec<u8>,
    /// `[ranks, m]`.
    pub upper_links: Vec<u32>,
}

/// A graph of `n` nodes as slices.
///
/// Layer 0 has a list of `m0` places for each node, of which the first `counts[node]` are links.
/// The layers above are sparse: their entries, layer 1 first, are numbered by **rank** through all
/// of them. An entry has its node, its rank in the layer below (its node, for layer 1), and a list
/// of `m` places whose links are ranks of its own layer.
#[derive(Debug, Clone, Copy)]
pub struct FlatRef<'a> {
    m0: usize,
    m: usize,
    pub(crate) layers: usize,
    pub(crate) start: u32,
    counts: &'a [u8],
    links: &'a [u32],
    pub(crate) nodes: &'a [u32],
    pub(crate) below: &'a [u32],
    upper_counts: &'a [u8],
    upper_links: &'a [u32],
}

impl FlatGraph {
    /// Its slices.
    #[must_use]
    pub fn view(&self) -> FlatRef<'_> {
        FlatRef {
            m0: self.m0,
            m: self.m,
            layers: self.layers,
            start: self.start,
            counts: &self.counts,
            links: &self.links,
            nodes: &self.nodes,
            below: &self.below,
            upper_counts: &self.upper_counts,
            upper_links: &self.upper_links,
        }
    }

    /// Bytes of its lists.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let words = self.links.len() + self.nodes.len() + self.below.len() + self.upper_links.len();
        size_of::<u32>() * words + self.counts.len() + self.upper_counts.len()
    }

    /// The same graph with node `order[i]` numbered `i`; rows have to be moved alike. O(links).
    ///
    /// # Panics
    /// `order` doesn't name every node once.
    #[must_use]
    pub fn renumbered(&self, order: &[u32]) -> Self {
        let mut place = vec![u32::MAX; self.counts.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old as usize] = new as u32;
        }
        assert!(order.len() == place.len() && !place.contains(&u32::MAX), "not an order of nodes");
        let mut graph = self.clone();
        for (new, &old) in order.iter().enumerate() {
            graph.counts[new] = self.counts[old as usize];
            let list = self.view().list(old);
            let out = &mut graph.links[new * self.m0..][..list.len()];
            out.iter_mut().zip(list).for_each(|(out, &link)| *out = place[link as usize]);
            graph.links[new * self.m0 + list.len()..(new + 1) * self.m0].fill(0);
        }
        let moved = |node: &mut u32| *node = place[*node as usize];
        graph.nodes.iter_mut().for_each(moved);
        if self.layers == 0 {
            moved(&mut graph.start);
        }
        graph.below[..self.first_ranks].iter_mut().for_each(moved);
        graph
    }
}

impl<'a> FlatRef<'a> {
    /// How many nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The links of a node in layer 0. O(1).
    #[inline]
    #[must_use]
    pub fn list(&self, node: u32) -> &'a [u32] {
        let node = node as usize;
        &self.links[node * self.m0..][..self.m0][..usize::from(self.counts[node])]
    }

    /// All places of a node's list.
    #[inline]
    pub(crate) fn places(&self, node: u32) -> &'a [u32] {
        &self.links[node as usize * self.m0..][..self.m0]
    }

    /// The links of a rank: ranks. O(1).
    #[inline]
    #[must_use]
    pub fn upper_list(&self, rank: u32) -> &'a [u32] {
        let rank = rank as usize;
        &self.upper_links[rank * self.m..][..self.m][..usize::from(self.upper_counts[rank])]
    }

    /// The node in layer 0 above which the walk's first entry stands.
    #[must_use]
    pub fn entry(&self) -> u32 {
        if self.layers == 0 { self.start } else { self.nodes[self.start as usize] }
    }

    /// Nodes that can't be reached from the entry along layer 0. O(links).
    #[must_use]
    pub fn unreached(&self) -> usize {
        let mut reached = vec![false; self.len()];
        reach(self.entry(), &mut reached, |node| self.list(node));
        reached.into_iter().filter(|reached| !reached).count()
    }

    /// All nodes, breadth first from the entry: neighbours lie near each other. O(links).
    #[must_use]
    pub fn breadth_first(&self) -> Vec<u32> {
        let mut seen = vec![false; self.len()];
        let mut order = Vec::with_capacity(self.len());
        for first in std::iter::once(self.entry()).chain(0..self.len() as u32) {
            if self.is_empty() || std::mem::replace(&mut seen[first as usize], true) {
                continue;
            }
            let mut head = order.len();
            order.push(first);
            while head < order.len() {
                for &next in self.list(order[head]) {
                    if !std::mem::replace(&mut seen[next as usize], true) {
                        order.push(next);
                    }
                }
                head += 1;
            }
        }
        order
    }
}
