//! Search over a list of rows: by a cheap distance first, then exactly among the best.

use crate::top_k::TopK;

/// Rows scored at once: their numbers and distances stay in the first cache.
pub const SCORED_AT_ONCE: usize = 256;

/// Shows `nearest` every row of `ids` that is accepted; how many rows there were. `score(ids, out)`
/// writes their distances, at most [`SCORED_AT_ONCE`] at once. Rows that can't be kept cost one
/// comparison: only of the others it is asked whether they are accepted. O(ids).
pub fn scan_ids(
    mut score: impl FnMut(&[u32], &mut [f32]),
    ids: impl IntoIterator<Item = u32>,
    accept: impl Fn(u32) -> bool,
    nearest: &mut TopK,
) -> usize {
    let mut ids = ids.into_iter();
    let (mut block, mut distances) = ([0; SCORED_AT_ONCE], [0.0; SCORED_AT_ONCE]);
    let mut seen = 0;
    loop {
        let mut count = 0;
        for (place, id) in block.iter_mut().zip(ids.by_ref()) {
            *place = id;
            count += 1;
        }
        if count == 0 {
            return seen;
        }
        seen += count;
        score(&block[..count], &mut distances[..count]);
        let mut reach = nearest.reach();
        for (&id, &distance) in block[..count].iter().zip(&distances) {
            if distance <= reach && accept(id) && nearest.push(distance, id) {
                reach = nearest.reach();
            }
        }
    }
}

/// Shows `nearest` the `keep` rows of `ids` that are nearest by `rough`, with the distance that
/// `exact` gives them. Both write distances as `score` of [`scan_ids`] does. O(ids + keep * n).
pub fn scan_then_rerank(
    rough: impl FnMut(&[u32], &mut [f32]),
    exact: impl FnMut(&[u32], &mut [f32]),
    ids: impl IntoIterator<Item = u32>,
    keep: usize,
    nearest: &mut TopK,
) {
    let mut candidates = TopK::new(keep);
    scan_ids(rough, ids, |_| true, &mut candidates);
    // In the order of memory.
    let mut kept: Vec<u32> = candidates.into_sorted().into_iter().map(|(_, id)| id).collect();
    kept.sort_unstable();
    scan_ids(exact, kept, |_| true, nearest);
}
