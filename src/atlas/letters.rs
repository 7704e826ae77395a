//! A few letters of 5 x 7 dots, for marks on films and for pages of text.

use crate::canvas::{Dab, Mask};

/// Rows of a letter, the leftmost dot in the highest of five bits. Unknown letters are a block.
fn rows(symbol: char) -> [u8; 7] {
    match symbol {
        'L' => [16, 16, 16, 16, 16, 16, 31],
        'R' => [30, 17, 17, 30, 20, 18, 17],
        'A' => [14, 17, 17, 31, 17, 17, 17],
        'E' => [31, 16, 16, 30, 16, 16, 31],
        'I' => [14, 4, 4, 4, 4, 4, 14],
        'N' => [17, 25, 21, 19, 17, 17, 17],
        'O' => [14, 17, 17, 17, 17, 17, 14],
        'S' => [15, 16, 16, 14, 1, 1, 30],
        'T' => [31, 4, 4, 4, 4, 4, 4],
        'V' => [17, 17, 17, 17, 17, 10, 4],
        _ => [31; 7],
    }
}

/// Covers a letter whose top left corner is `at`, each dot `dot` pixels wide.
pub(crate) fn letter(mask: &mut Mask, symbol: char, at: (f32, f32), dot: f32) {
    for (y, row) in rows(symbol).into_iter().enumerate() {
        for x in 0..5u8 {
            if row & (16 >> x) != 0 {
                let (x, y) = (at.0 + f32::from(x) * dot, at.1 + y as f32 * dot);
                mask.disc(Dab { x, y, radius: dot * 0.62 }, 1.0);
            }
        }
    }
}
