//! Exact search over row-major rows: every row is compared.

use crate::scorer::Scorer;
use crate::top_k::TopK;

/// Shows `nearest` every row of `rows` (row-major, `query.len()` floats each) for which `id` gives
/// one; `id(row number)` is the name under which the row is kept. Rows without an id are compared
/// too, since fours are faster than asking first: leave out many by a gather instead
/// ([`Scorer::each`]). Returns the number of rows with an id. O(rows * n).
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
) -> usize {
    let dim = query.len();
    let mut compared = 0;
    let mut show = |number: usize, distance: f32| {
        if let Some(id) = id(number) {
            compared += 1;
            nearest.push(distance, id);
        }
    };
    let mut number = 0;
    let mut fours = rows.chunks_exact(4 * dim);
    for four in fours.by_ref() {
        let (front, back) = four.split_at(2 * dim);
        let (r0, r1) = front.split_at(dim);
        let (r2, r3) = back.split_at(dim);
        for (lane, distance) in scorer.four(query, [r0, r1, r2, r3]).into_iter().enumerate() {
            show(number + lane, distance);
        }
        number += 4;
    }
    for row in fours.remainder().chunks_exact(dim) {
        show(number, scorer.one(query, row));
        number += 1;
    }
    compared
}
