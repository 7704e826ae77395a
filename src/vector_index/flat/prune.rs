//! Which candidates become links: near ones that lie in different directions.

use super::space::Space;

/// Kept ones that a candidate is held against at once.
const GROUP: usize = 8;

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Pruner {
    /// (distance, node): what was kept.
    pub(super) kept: Vec<(f32, u32)>,
    taken: Vec<bool>,
    pub(super) distances: u64,
}

impl Pruner {
    /// Keeps up to `room` of `candidates` (nearest first). A candidate is left out where `alpha`
    /// times its distance to a kept one is no more than its own: first with 1, then the free places
    /// are filled with `alpha`. One pass with a large `alpha` would fill full lists with the
    /// nearest alone. O(candidates * room * n).
    pub(super) fn prune(
        &mut self,
        space: &Space<'_>,
        candidates: &[(f32, u32)],
        room: usize,
        alpha: f32,
    ) {
        self.kept.clear();
        self.taken.clear();
        self.taken.resize(candidates.len(), false);
        let passes = [1.0, alpha];
        for alpha in &passes[..if alpha > 1.0 { 2 } else { 1 }] {
            for (number, &candidate) in candidates.iter().enumerate() {
                if self.kept.len() >= room {
                    return;
                }
                if !self.taken[number] && self.is_apart(space, candidate, *alpha) {
                    self.taken[number] = true;
                    self.kept.push(candidate);
                }
            }
        }
    }

    fn is_apart(&mut self, space: &Space<'_>, (own, node): (f32, u32), alpha: f32) -> bool {
        let (mut ids, mut out) = ([0; GROUP], [0.0; GROUP]);
        for group in self.kept.chunks(GROUP) {
            for (id, kept) in ids.iter_mut().zip(group) {
                *id = kept.1;
            }
            let out = &mut out[..group.len()];
            space.between(node, &ids[..group.len()], out);
            self.distances += group.len() as u64;
            if out.iter().any(|&distance| alpha * distance <= own) {
                return false;
            }
        }
        true
    }
}
