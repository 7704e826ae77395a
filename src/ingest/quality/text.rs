//! Burnt-in text: rows near a corner with many strong, alternating edges, where the rest of the
//! picture has few such rows. A flag that asks a person to look; it proves nothing.

use super::plane::Plane;

/// Steps over two pixels that count as a stroke's edge.
const STEP: f32 = 70.0;

/// Edges of alternating sign in a row that letters make: three letters of two strokes.
const EDGES_MIN: usize = 8;

/// A corner: this share of the width and of the height.
const WIDE: f64 = 0.45;
const HIGH: f64 = 0.2;

/// The largest share of text-like rows in a corner, less the share of such rows in the middle;
/// 0 to 1.
pub(super) fn text(plane: &Plane) -> f64 {
    let (width, height) = (plane.width, plane.height);
    let (wide, high) = ((width as f64 * WIDE) as usize, (height as f64 * HIGH) as usize);
    if wide < 16 || high < 8 {
        return 0.0;
    }
    let share = |rows: std::ops::Range<usize>, left: usize| {
        let count = rows.len().max(1);
        let row = |y: usize| plane.values.get(y * width + left..y * width + left + wide);
        let dense = rows.filter(|y| row(*y).is_some_and(is_dense)).count();
        dense as f64 / count as f64
    };
    let corners = [
        share(0..high, 0),
        share(0..high, width - wide),
        share(height - high..height, 0),
        share(height - high..height, width - wide),
    ];
    let middle = share(high..height - high, (width - wide) / 2);
    (corners.into_iter().fold(0.0, f64::max) - middle).max(0.0)
}

fn is_dense(row: &[f32]) -> bool {
    let (mut edges, mut rising) = (0, None);
    for three in row.windows(3) {
        let step = three[2] - three[0];
        if step.abs() >= STEP && rising != Some(step > 0.0) {
            edges += 1;
            rising = Some(step > 0.0);
        }
    }
    edges >= EDGES_MIN
}
