//! Pictures to lay over a slide: transparent but where there is something to say. PNG with alpha.

use vitrail_domain::Region;
use vitrail_domain::limits::OVERLAY_SIDE_MAX;

use super::tissue::TissueMask;
use crate::encode::{encode_png_alpha, fitted};
use crate::refusal::Refusal;

/// Red, green, blue, opacity.
pub type Ink = [u8; 4];

/// Tissue, and tiles that pass: the accent of the dashboard.
pub const ACCENT: Ink = [0, 140, 140, 110];

/// Tiles that may be poor.
pub const AMBER: Ink = [225, 150, 0, 190];

/// Tiles that are.
pub const RED: Ink = [210, 40, 40, 210];

/// The tissue mask, one pixel a mask pixel: `step x step` level-0 pixels, so that its last column
/// and row may reach over the slide's edge by less than one.
///
/// # Errors
/// The encoder fails, which it does on no mask known.
pub fn tissue_overlay(mask: &TissueMask) -> Result<Vec<u8>, Refusal> {
    let pixel = |tissue: &bool| if *tissue { ACCENT } else { [0; 4] };
    let pixels: Vec<u8> = mask.pixels().iter().flat_map(pixel).collect();
    encode_png_alpha(mask.width(), mask.height(), &pixels)
}

/// Outlines of level-0 boxes over a slide of `size`, the picture's longest side at most `side`.
/// Memory: four bytes a pixel of the picture. Boxes that share an edge share its line.
///
/// # Errors
/// The encoder fails, which it does on no picture known.
pub fn grid_overlay(
    size: (u32, u32),
    boxes: impl Iterator<Item = (Region, Ink)>,
    side: u32,
) -> Result<Vec<u8>, Refusal> {
    let (width, height) = fitted(size.0, size.1, side.clamp(1, OVERLAY_SIDE_MAX));
    let mut canvas =
        Canvas { width, height, pixels: vec![0; width as usize * height as usize * 4] };
    let place = |level0: u64, whole: u32, drawn: u32| {
        let at = level0 as f64 * f64::from(drawn) / f64::from(whole.max(1));
        (at.round() as u64).min(u64::from(drawn.saturating_sub(1))) as u32
    };
    for (area, ink) in boxes {
        let x = [area.x, area.x.saturating_add(area.width)].map(|x| place(x, size.0, width));
        let y = [area.y, area.y.saturating_add(area.height)].map(|y| place(y, size.1, height));
        canvas.outline(x, y, ink);
    }
    encode_png_alpha(width, height, &canvas.pixels)
}

struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    fn outline(&mut self, [left, right]: [u32; 2], [top, bottom]: [u32; 2], ink: Ink) {
        for x in left..=right {
            self.set(x, top, ink);
            self.set(x, bottom, ink);
        }
        for y in top..=bottom {
            self.set(left, y, ink);
            self.set(right, y, ink);
        }
    }

    /// The more opaque ink stays: a poor tile shows between good ones.
    fn set(&mut self, x: u32, y: u32, ink: Ink) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y as usize * self.width as usize + x as usize) * 4;
        if let Some(pixel) = self.pixels.get_mut(at..at + 4)
            && pixel[3] < ink[3]
        {
            pixel.copy_from_slice(&ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(png: &[u8]) -> image::RgbaImage {
        image::load_from_memory(png).expect("a PNG").into_rgba8()
    }

    #[test]
    fn outlines_lie_where_the_boxes_do() {
        let area = |x, y| Region { x, y, width: 400, height: 400 };
        let boxes = [(area(0, 0), ACCENT), (area(400, 0), RED), (area(1_200, 600), ACCENT)];
        let png = grid_overlay((2_000, 1_000), boxes.into_iter(), 200).expect("a picture");
        let picture = decoded(&png);
        assert_eq!(picture.dimensions(), (200, 100));
        for (x, y, ink) in [
            (0, 0, ACCENT),
            (20, 40, ACCENT),
            (20, 20, [0; 4]),
            (40, 20, RED),
            (80, 20, RED),
            (81, 20, [0; 4]),
            (120, 80, ACCENT),
            (160, 99, ACCENT),
        ] {
            assert_eq!(picture.get_pixel(x, y).0, ink, "({x}, {y})");
        }
    }
}
