//! Which pages of a TIFF file are the levels of one slide, and whether it is a slide at all.

use vitrail_domain::Code;
use vitrail_domain::limits::SLIDE_LEVELS_MAX;

use super::error::SlideError;
use super::ifd::{Ifd, Tiff, tag};
use super::ome;
use super::page::{Page, PageHead};
use super::scale::{self, Scale};

/// A tiled picture whose longer side is above this is read by region: decoded whole it is already
/// more than a photograph's worth, and what is tiled at this size was meant to be panned.
const PHOTO_SIDE_MAX: u32 = 2_048;

/// Level sizes may differ from the exact ratio by rounding and by whole padding rows; a label, a
/// macro or another series differs by far more than this share.
const ASPECT_TOLERANCE: f64 = 0.02;

/// The pages that are levels, largest first, and the scale of the first.
#[derive(Debug)]
pub(super) struct Pyramid {
    pub pages: Vec<Page>,
    pub scale: Option<Scale>,
    pub description: String,
}

/// Whether the file is read as a slide: a TIFF whose first image is **tiled** and that is *one* of
/// described by Aperio or OME-XML, of more than one level, or larger than `PHOTO_SIDE_MAX`.
/// A Hamamatsu NDPI counts as a slide too, so that it is refused by name and not read as a photo.
pub(super) fn is_slide(tiff: &Tiff, pages: &[Ifd]) -> Result<bool, SlideError> {
    let Some(first) = pages.first() else { return Ok(false) };
    if first.has(tag::NDPI_MARK) {
        return Ok(true);
    }
    let head = PageHead::read(tiff, first)?;
    if !head.tiled {
        return Ok(false);
    }
    let described = scale::is_aperio(&head.description) || ome::is_ome(&head.description);
    if described || head.width.max(head.height) > PHOTO_SIDE_MAX {
        return Ok(true);
    }
    let heads = level_heads(tiff, pages, first, &head)?;
    Ok(heads.len() > 1)
}

/// Chooses and reads the levels.
pub(super) fn choose(tiff: &Tiff, pages: &[Ifd]) -> Result<Pyramid, SlideError> {
    let Some(first) = pages.first() else {
        return Err(SlideError::damaged("the file has no TIFF directory"));
    };
    if first.has(tag::NDPI_MARK) {
        return Err(SlideError::unsupported(
            "the slide is a Hamamatsu NDPI, which OpenSlide reads from a file, not from memory",
        ));
    }
    let head = PageHead::read(tiff, first)?;
    if !head.tiled {
        return Err(SlideError::unsupported(
            "the TIFF file's first image is not stored in tiles, so it is no slide",
        ));
    }
    refuse_stacks(&head, pages.len())?;
    let ifds = level_heads(tiff, pages, first, &head)?;
    if ifds.len() > SLIDE_LEVELS_MAX {
        return Err(SlideError::too_large(format!(
            "the slide has {} levels, more than {SLIDE_LEVELS_MAX}",
            ifds.len()
        )));
    }
    let levels: Result<Vec<Page>, _> = ifds.iter().map(|ifd| Page::read(tiff, ifd)).collect();
    Ok(Pyramid {
        pages: levels?,
        scale: scale::of_page(tiff, first, &head)?,
        description: head.description,
    })
}

/// Fluorescence, focus and time stacks: one plane of many would be a silent choice.
fn refuse_stacks(head: &PageHead, pages: usize) -> Result<(), SlideError> {
    if !ome::is_ome(&head.description) {
        return Ok(());
    }
    let Some(pixels) = ome::pixels(&head.description, head.width, head.height) else {
        return Ok(());
    };
    if head.samples == 1 && pixels.size_c > 1 {
        return Err(SlideError::unsupported(format!(
            "the OME-TIFF holds {} separate channels (fluorescence), not RGB",
            pixels.size_c
        )));
    }
    if pixels.size_z.saturating_mul(pixels.size_t) > 1 && pages > 1 {
        return Err(SlideError::unsupported(format!(
            "the OME-TIFF is a stack of {} focus planes and {} time points, not one slide",
            pixels.size_z, pixels.size_t
        )));
    }
    Ok(())
}

/// The directories of levels, largest first: of the main chain and of the first page's SubIFDs
/// those that are tiled, of the first page's shape, and smaller than the one before.
fn level_heads(
    tiff: &Tiff,
    pages: &[Ifd],
    first: &Ifd,
    base: &PageHead,
) -> Result<Vec<Ifd>, SlideError> {
    let mut found: Vec<(u32, u32, Ifd)> = vec![(base.width, base.height, first.clone())];
    let mut consider = |ifd: Ifd| -> Result<(), SlideError> {
        // A page without a size is nobody's level; Page::read names what is wrong with level 0.
        let head = PageHead::read(tiff, &ifd)?;
        if is_level(base, &head) {
            found.push((head.width, head.height, ifd));
        }
        Ok(())
    };
    for offset in sub_ifds(tiff, first)? {
        consider(tiff.directory(offset)?.0)?;
    }
    for ifd in pages.iter().skip(1) {
        consider(ifd.clone())?;
    }
    found.sort_by_key(|(width, height, _)| {
        std::cmp::Reverse(u64::from(*width) * u64::from(*height))
    });
    found.dedup_by_key(|(width, height, _)| (*width, *height));
    Ok(found.into_iter().map(|(_, _, ifd)| ifd).collect())
}

fn sub_ifds(tiff: &Tiff, ifd: &Ifd) -> Result<Vec<u64>, SlideError> {
    let offsets = tiff.numbers(ifd, tag::SUB_IFDS, SLIDE_LEVELS_MAX as u64)?;
    Ok(offsets.unwrap_or_default())
}

fn is_level(base: &PageHead, page: &PageHead) -> bool {
    let macro_or_label = page.subfile & 8 != 0;
    let smaller = page.width < base.width && page.height <= base.height
        || page.width <= base.width && page.height < base.height;
    if !page.tiled || macro_or_label || !smaller || page.samples != base.samples {
        return false;
    }
    let (x, y) = (
        f64::from(base.width) / f64::from(page.width),
        f64::from(base.height) / f64::from(page.height),
    );
    // Rounding weighs more the smaller the level: one pixel either way is always forgiven.
    let slack = 1.0 / f64::from(page.width.min(page.height));
    (x / y - 1.0).abs() <= ASPECT_TOLERANCE.max(slack)
}

/// Level-0 pixels in one pixel of a level, across and down.
///
/// Pyramids are made by whole factors, and sides are rounded up or down; so a whole factor that
/// explains both sides to within its own rounding is taken over the quotient of the sides, which
/// would let positions drift by a pixel across a slide.
pub(super) fn downsample(base: (u32, u32), level: (u32, u32)) -> (f64, f64) {
    let ratio = |whole: u32, part: u32| f64::from(whole) / f64::from(part);
    let (x, y) = (ratio(base.0, level.0), ratio(base.1, level.1));
    let factor = ((x + y) / 2.0).round();
    let explains =
        |whole: u32, part: u32| (f64::from(whole) - f64::from(part) * factor).abs() < factor;
    if factor >= 1.0 && explains(base.0, level.0) && explains(base.1, level.1) {
        (factor, factor)
    } else {
        (x, y)
    }
}

/// The scale an operator gives must be there before tiles are cut.
pub(super) fn no_scale() -> SlideError {
    SlideError::new(
        Code::SlideNoScale,
        "the slide does not say how large its pixels are: give micrometres per pixel with --mpp",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_factors_win_over_rounding() {
        assert_eq!(downsample((4443, 3567), (2221, 1783)), (2.0, 2.0));
        assert_eq!(downsample((2220, 2967), (277, 370)), (8.0, 8.0));
        let (x, y) = downsample((1000, 1000), (400, 400));
        assert_eq!((x, y), (2.5, 2.5));
        assert_eq!(downsample((70, 70), (70, 70)), (1.0, 1.0));
    }
}
