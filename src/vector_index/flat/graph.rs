//! Links in flat slices: what a file holds and a walk reads.

/// A place in a list without a link; a list ends at its first.
pub const NONE: u32 = u32::MAX;

/// Links of a list at most: buffers of walks are this long.
pub const LINKS_MAX: usize = 64;

/// A graph that owns its lists. See [`FlatGraphRef`] for their shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatGraph {
    pub(super) ground_links: usize,
    pub(super) upper_links: usize,
    pub(super) ground: Vec<u32>,
    pub(super) nodes: Vec<u32>,
    pub(super) starts: Vec<u32>,
    pub(super) upper: Vec<u32>,
    pub(super) entry: u32,
}

/// A graph in slices. A **rank** numbers the nodes that stand in upper layers. Numbers that lead
/// out of the slices are passed over in walks: a damaged file costs recall, never more.
#[derive(Debug, Clone, Copy)]
pub struct FlatGraphRef<'a> {
    /// Places of a list of level 0.
    pub ground_links: usize,
    /// Places of a list of an upper level.
    pub upper_links: usize,
    /// `[nodes, ground_links]`: links of level 0 as nodes, [`NONE`] behind the last.
    pub ground: &'a [u32],
    /// `[ranks]`: the node of each rank.
    pub nodes: &'a [u32],
    /// `[ranks + 1]`: the number of each rank's first list in `upper`; it has one a level.
    pub starts: &'a [u32],
    /// `[lists, upper_links]`: links as ranks, [`NONE`] behind the last.
    pub upper: &'a [u32],
    /// Where walks begin: a rank of the top level, or a node where there are no ranks.
    pub entry: u32,
}

impl FlatGraph {
    /// The graph in slices, to be walked or written.
    #[must_use]
    pub fn as_ref(&self) -> FlatGraphRef<'_> {
        FlatGraphRef {
            ground_links: self.ground_links,
            upper_links: self.upper_links,
            ground: &self.ground,
            nodes: &self.nodes,
            starts: &self.starts,
            upper: &self.upper,
            entry: self.entry,
        }
    }

    /// The same graph under other numbers; `order[new]` is the old number of a node, as
    /// [`FlatGraphRef::order`] gives it. O(links).
    ///
    /// # Panics
    /// `order` is not a permutation of the nodes.
    #[must_use]
    pub fn renumbered(&self, order: &[u32]) -> Self {
        assert_eq!(order.len() * self.ground_links, self.ground.len(), "an order names every node");
        let mut place = vec![NONE; order.len()];
        for (new, &old) in (0..).zip(order) {
            place[old as usize] = new;
        }
        let moved = |node: u32| if node == NONE { NONE } else { place[node as usize] };
        let mut ground = Vec::with_capacity(self.ground.len());
        for &old in order {
            ground.extend(self.as_ref().places(old).iter().map(|&node| moved(node)));
        }
        let entry = if self.nodes.is_empty() { moved(self.entry) } else { self.entry };
        let nodes = self.nodes.iter().map(|&node| moved(node)).collect();
        Self {
            ground,
            nodes,
            entry,
            starts: self.starts.clone(),
            upper: self.upper.clone(),
            ..*self
        }
    }
}

impl<'a> FlatGraphRef<'a> {
    /// Whether the slices' lengths agree with each other. To be asked of a file. O(1).
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let widths = (1..=LINKS_MAX).contains(&self.ground_links)
            && (1..=LINKS_MAX).contains(&self.upper_links);
        let entries = if self.nodes.is_empty() { self.len() } else { self.nodes.len() };
        widths
            && self.ground.len().is_multiple_of(self.ground_links)
            && self.upper.len().is_multiple_of(self.upper_links)
            && self.starts.len() == self.nodes.len() + 1
            && (self.entry as usize) < entries.max(1)
    }

    /// How many nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ground.len() / self.ground_links
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ground.is_empty()
    }

    /// Bytes of its lists.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let words = self.ground.len() + self.nodes.len() + self.starts.len() + self.upper.len();
        size_of::<u32>() * words
    }

    /// All places of a node's list of level 0; none for a node that isn't there. O(1).
    #[inline]
    #[must_use]
    pub fn places(&self, node: u32) -> &'a [u32] {
        let at = node as usize * self.ground_links;
        self.ground.get(at..at + self.ground_links).unwrap_or_default()
    }

    /// A node's links of level 0. O(links).
    #[inline]
    #[must_use]
    pub fn links(&self, node: u32) -> &'a [u32] {
        cut(self.places(node))
    }

    /// How many levels above 0 a rank has. O(1).
    #[must_use]
    pub fn levels(&self, rank: u32) -> u32 {
        let at = rank as usize;
        match self.starts.get(at..at + 2) {
            Some(&[start, end]) => end.saturating_sub(start),
            _ => 0,
        }
    }

    /// A rank's links of a level from 1 on, as ranks; none where it hasn't that level. O(links).
    #[inline]
    #[must_use]
    pub fn upper_of(&self, rank: u32, level: u32) -> &'a [u32] {
        if level == 0 || level > self.levels(rank) {
            return &[];
        }
        let list = self.starts[rank as usize] as usize + level as usize - 1;
        let at = list * self.upper_links;
        cut(self.upper.get(at..at + self.upper_links).unwrap_or_default())
    }

    /// The node at which walks begin.
    #[must_use]
    pub fn entry_node(&self) -> u32 {
        let node = match self.nodes {
            [] => self.entry,
            nodes => nodes.get(self.entry as usize).copied().unwrap_or(0),
        };
        if (node as usize) < self.len() { node } else { 0 }
    }

    /// Nodes in the order in which links lead to them from the entry, breadth first, so that
    /// neighbours lie near each other; the unreached ones last. O(links).
    #[must_use]
    pub fn order(&self) -> Vec<u32> {
        let mut seen = vec![false; self.len()];
        let mut order = Vec::with_capacity(self.len());
        for first in std::iter::once(self.entry_node()).chain(0..self.len() as u32) {
            let mut next = order.len();
            take(first, &mut seen, &mut order);
            while let Some(&node) = order.get(next) {
                next += 1;
                for &link in self.links(node) {
                    take(link, &mut seen, &mut order);
                }
            }
        }
        order
    }

    /// How many nodes no walk from the entry can reach. O(links).
    #[must_use]
    pub fn unreached(&self) -> usize {
        let mut seen = vec![false; self.len()];
        let mut order = Vec::new();
        take(self.entry_node(), &mut seen, &mut order);
        let mut next = 0;
        while let Some(&node) = order.get(next) {
            next += 1;
            self.links(node).iter().for_each(|&link| take(link, &mut seen, &mut order));
        }
        self.len() - order.len()
    }
}

fn take(node: u32, seen: &mut [bool], order: &mut Vec<u32>) {
    if let Some(seen) = seen.get_mut(node as usize)
        && !std::mem::replace(seen, true)
    {
        order.push(node);
    }
}

/// A list without its empty places.
#[inline]
fn cut(places: &[u32]) -> &[u32] {
    let len = places.iter().position(|&link| link == NONE).unwrap_or(places.len());
    &places[..len]
}
