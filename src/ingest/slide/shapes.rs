//! Small work on binary pictures: majority, connected components, Otsu's threshold.

use std::collections::VecDeque;

/// A binary picture, row major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    pub width: usize,
    pub height: usize,
    pub set: Vec<bool>,
}

/// Which pixels count as one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbours {
    Four,
    Eight,
}

impl Bits {
    /// Each pixel becomes what most of its 3 x 3 neighbourhood is (inside the picture).
    pub(super) fn majority(&self) -> Self {
        let mut set = Vec::with_capacity(self.set.len());
        for y in 0..self.height {
            let rows = y.saturating_sub(1)..(y + 2).min(self.height);
            for x in 0..self.width {
                let columns = x.saturating_sub(1)..(x + 2).min(self.width);
                let all = rows.len() * columns.len();
                let on: usize = rows
                    .clone()
                    .map(|row| &self.set[row * self.width..][columns.clone()])
                    .map(|part| part.iter().filter(|&&bit| bit).count())
                    .sum();
                set.push(on * 2 > all);
            }
        }
        Self { set, ..*self }
    }

    /// Clears pieces of under `pixels_min` pixels (8-connected).
    pub(super) fn drop_small(&mut self, pixels_min: usize) {
        self.turn_small(true, Neighbours::Eight, pixels_min);
    }

    /// Sets enclosed gaps of under `pixels_min` pixels (4-connected, not touching the border).
    pub(super) fn fill_small(&mut self, pixels_min: usize) {
        self.turn_small(false, Neighbours::Four, pixels_min);
    }

    fn turn_small(&mut self, value: bool, neighbours: Neighbours, pixels_min: usize) {
        let mut seen = vec![false; self.set.len()];
        let mut piece = Vec::new();
        for start in 0..self.set.len() {
            if seen[start] || self.set[start] != value {
                continue;
            }
            piece.clear();
            let keep = |at| {
                if piece.len() < pixels_min {
                    piece.push(at);
                }
            };
            let at_border = self.walk_piece(start, neighbours, &mut seen, keep);
            // A gap at the border is open to the outside; an object there is still small.
            if piece.len() < pixels_min && (value || !at_border) {
                piece.iter().for_each(|&at| self.set[at] = !value);
            }
        }
    }

    /// Goes through the pixels connected to `start`, nearest first; whether one touches the border.
    /// Memory: those at the front, not the piece.
    fn walk_piece(
        &self,
        start: usize,
        neighbours: Neighbours,
        seen: &mut [bool],
        mut each: impl FnMut(usize),
    ) -> bool {
        let value = self.set[start];
        let mut at_border = false;
        let mut front = VecDeque::from([start]);
        seen[start] = true;
        while let Some(at) = front.pop_front() {
            each(at);
            let (x, y) = (at % self.width, at / self.width);
            at_border |= x == 0 || y == 0 || x + 1 == self.width || y + 1 == self.height;
            for ny in y.saturating_sub(1)..(y + 2).min(self.height) {
                for nx in x.saturating_sub(1)..(x + 2).min(self.width) {
                    let other = ny * self.width + nx;
                    let corner = nx != x && ny != y;
                    let linked = neighbours == Neighbours::Eight || !corner;
                    if linked && !seen[other] && self.set[other] == value {
                        seen[other] = true;
                        front.push_back(other);
                    }
                }
            }
        }
        at_border
    }
}

/// Otsu's threshold: the last bin of the lower class that parts the histogram with the largest
/// variance between classes (Otsu 1979). 0 for a histogram of one value.
pub(super) fn otsu(histogram: &[u64; 256]) -> u8 {
    let total: u64 = histogram.iter().sum();
    let weighted = |(bin, &count): (usize, &u64)| bin as f64 * count as f64;
    let sum_all: f64 = histogram.iter().enumerate().map(weighted).sum();
    let (mut below, mut sum_below) = (0u64, 0.0);
    let (mut best, mut best_variance) = (0, 0.0);
    for (bin, &count) in histogram.iter().enumerate() {
        below += count;
        sum_below += bin as f64 * count as f64;
        let above = total - below;
        if below == 0 || above == 0 {
            continue;
        }
        let gap = sum_below / below as f64 - (sum_all - sum_below) / above as f64;
        let variance = below as f64 * above as f64 * gap * gap;
        if variance > best_variance {
            (best, best_variance) = (bin as u8, variance);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: &[&str]) -> Bits {
        let set = rows.iter().flat_map(|row| row.bytes().map(|c| c == b'#')).collect();
        Bits { width: rows[0].len(), height: rows.len(), set }
    }

    #[test]
    fn small_pieces_go_and_small_gaps_close() {
        let mut bits = picture(&["#....#", "..###.", "..#.#.", "..###.", "......"]);
        bits.drop_small(3);
        // The corner pixel at the right hangs on the ring by its corner and stays.
        assert_eq!(bits, picture(&[".....#", "..###.", "..#.#.", "..###.", "......"]));
        bits.fill_small(2);
        assert_eq!(bits, picture(&[".....#", "..###.", "..###.", "..###.", "......"]));
    }

    #[test]
    fn majority_removes_salt_and_pepper() {
        let salt = picture(&["...", ".#.", "..."]).majority();
        assert!(salt.set.iter().all(|&bit| !bit));
        let pepper = picture(&["###", "#.#", "###"]).majority();
        assert!(pepper.set.iter().all(|&bit| bit));
    }

    #[test]
    fn otsu_parts_two_heaps() {
        let mut histogram = [0; 256];
        histogram[10] = 50;
        histogram[12] = 50;
        histogram[90] = 30;
        assert_eq!(otsu(&histogram), 12);
        assert_eq!(otsu(&[0; 256]), 0);
    }
}
