//! Exact search over row-major rows: every row is compared.

use crate::scorer::Scorer;
use crate::top_k::TopK;

/// Components from which neighbouring rows are taken in fours: query and row don't fit the first
/// cache together then, and a part of the query should serve four rows while it is there. Below,
/// one row after another is what memory delivers fastest (384 components: 67 ns, in fours 130).
const FOURS_FROM: usize = 3_072;

/// Shows `nearest` every row of `rows` (row-major, `query.len()` floats each) for which `id` gives
/// one; `id(row number)` is the name under which the row is kept, and is asked only of rows that
/// are near enough. Rows without an id are compared too: leave out many by a gather instead
/// ([`Scorer::each`]). O(rows * n).
///
/// # Panics
/// The query is empty.
#[inline]
pub fn scan(
    scorer: &Scorer,
    query: &[f32],
    rows: &[f32],
    id: impl Fn(usize) -> Option<u32>,
    nearest: &mut TopK,
) {
    let dim = query.len();
    let mut show = |number: usize, distance: f32| {
        if nearest.wants(distance, 0)
            && let Some(id) = id(number)
        {
            nearest.push(distance, id);
        }
    };
    let in_fours = if dim < FOURS_FROM { 0 } else { rows.len() / (4 * dim) };
    let (fours, ones) = rows.split_at(in_fours * 4 * dim);
    for (block, four) in fours.chunks_exact(4 * dim).enumerate() {
        let (front, back) = four.split_at(2 * dim);
        let ((r0, r1), (r2, r3)) = (front.split_at(dim), back.split_at(dim));
        for (lane, distance) in scorer.four(query, [r0, r1, r2, r3]).into_iter().enumerate() {
            show(4 * block + lane, distance);
        }
    }
    for (number, row) in ones.chunks_exact(dim).enumerate() {
        show(4 * in_fours + number, scorer.one(query, row));
    }
}
