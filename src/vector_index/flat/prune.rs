//! Which candidates become links: near ones, unless a nearer link already leads their way.

use vitrail_kernels::{Distance, Sq8Ref};

/// Links compared at once: most candidates fall at the first eight.
const GROUP: usize = 8;

/// How much nearer to a link than to the node a candidate has to be to be left out, in the second
/// pass: on distances that are squares, 1.4 is 1.18 of a length.
const ALPHA: f32 = 1.4;

/// Buffers of pruning.
#[derive(Default)]
pub(crate) struct Pruner {
    pub(crate) candidates: Vec<(f32, u32)>,
    pub(crate) kept: Vec<u32>,
    taken: Vec<bool>,
}

impl Pruner {
    /// Chooses at most `max` of `candidates`, sorted here, into `kept`: first as HNSW does, then
    /// the free places with a margin. One pass with a margin would fill lists with the nearest and
    /// lose the long links.
    pub(crate) fn prune(&mut self, codes: &Sq8Ref<'_>, max: usize) {
        self.candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.kept.clear();
        self.taken.clear();
        self.taken.resize(self.candidates.len(), false);
        self.pass(codes, max, 1.0);
        // Margins mean nothing for products, which have no zero.
        if codes.distance() != Distance::MinusDot {
            self.pass(codes, max, ALPHA);
        }
    }

    fn pass(&mut self, codes: &Sq8Ref<'_>, max: usize, alpha: f32) {
        for (&(distance, node), taken) in self.candidates.iter().zip(&mut self.taken) {
            if self.kept.len() >= max {
                return;
            }
            if !*taken && !led(codes, &self.kept, node, |near| near * alpha < distance) {
                self.kept.push(node);
                *taken = true;
            }
        }
    }
}

/// Whether `nearer` holds for the distance of `node` to one of `kept`.
fn led(codes: &Sq8Ref<'_>, kept: &[u32], node: u32, nearer: impl Fn(f32) -> bool) -> bool {
    let mut distances = [0.0; GROUP];
    kept.chunks(GROUP).any(|group| {
        codes.distances(codes.row(node), group, &mut distances);
        distances[..group.len()].iter().any(|&near| nearer(near))
    })
}
