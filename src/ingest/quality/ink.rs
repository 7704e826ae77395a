//! Pen, slide edges and folds by hue and darkness: the share of pixels of each. The gates follow
//! the filters of HistoQC and histolab (green, red, blue pen), in hue, saturation and value.

use vitrail_domain::Raster;

/// Shares of pixels, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Ink {
    pub green: f64,
    pub red: f64,
    pub blue: f64,
    /// Black or dark grey without colour: black pen, the edge of a coverslip, a scanner's border.
    pub black: f64,
    /// Dark and strongly coloured at once: tissue that lies twice.
    pub fold: f64,
}

pub(super) fn ink(raster: &Raster) -> Ink {
    let mut counts = [0u64; 5];
    for p in raster.pixels().chunks_exact(3) {
        if let Some(kind) = kind_of([p[0], p[1], p[2]].map(i32::from)) {
            counts[kind as usize] += 1;
        }
    }
    let count = f64::from(raster.width()) * f64::from(raster.height());
    let [green, red, blue, black, fold] = counts.map(|n| n as f64 / count.max(1.0));
    Ink { green, red, blue, black, fold }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Green,
    Red,
    Blue,
    Black,
    Fold,
}

fn kind_of([r, g, b]: [i32; 3]) -> Option<Kind> {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    if high < 70 && high - low < 25 {
        return Some(Kind::Black);
    }
    // Counterstains in green keep blue near it; ink keeps red away from both.
    if g > r + 25 && g > b - 15 && r < 150 {
        return Some(Kind::Green);
    }
    // Eosin keeps blue above green; red ink has neither.
    if r > 110 && r > g + 70 && r > b + 45 && g < 110 {
        return Some(Kind::Red);
    }
    // Haematoxylin keeps red within 60 levels of blue, and above green.
    if b > r + 60 && b > g + 15 && g >= r - 10 {
        return Some(Kind::Blue);
    }
    (high < 130 && high - low > 70).then_some(Kind::Fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_are_told_from_stains() {
        for (colour, kind) in [
            ([20, 140, 60], Some(Kind::Green)),
            ([190, 30, 50], Some(Kind::Red)),
            ([30, 60, 190], Some(Kind::Blue)),
            ([15, 15, 18], Some(Kind::Black)),
            ([225, 160, 190], None),
            ([110, 80, 150], None),
            ([243, 241, 245], None),
            ([120, 70, 50], None),
        ] {
            assert_eq!(kind_of(colour), kind, "{colour:?}");
        }
    }
}
