//! Pen, slide edges and folds by hue and darkness: the share of pixels of each. Gates in hue,
//! saturation and value, as HistoQC and histolab have them, drawn apart from H&E and IHC.

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
    let spread = high - low;
    if high < 70 && spread < 25 {
        return Some(Kind::Black);
    }
    // Red ink: within 12 degrees of red, more than half saturated; eosin lies towards magenta.
    if r == high && high > 110 && spread * 2 > high && (b - g) * 4 < spread && (g - b) * 5 < spread
    {
        return Some(Kind::Red);
    }
    // Green ink: from yellowish to bluish green, a quarter saturated; no stain is.
    if g == high && high > 40 && spread * 4 > high && (r - b) * 2 < spread {
        return Some(Kind::Green);
    }
    // Blue ink: green well above red, as haematoxylin has it seldom and pale only.
    if b == high && high > 60 && spread * 5 > high * 2 && (g - r) * 5 > spread * 2 {
        return Some(Kind::Blue);
    }
    (high < 130 && spread > 70).then_some(Kind::Fold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_are_told_from_stains() {
        for (colour, kind) in [
            ([20, 140, 60], Some(Kind::Green)),
            ([190, 30, 50], Some(Kind::Red)),
            ([20, 100, 190], Some(Kind::Blue)),
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
