//! Draws the synthetic atlas onto the disk, on every core.

use std::io::Cursor;

use rayon::prelude::*;
use vitrail_atlas::{Atlas, Drawn, SyntheticSlide};
use vitrail_disk::safe_write;
use vitrail_domain::{Mpp, Raster};
use vitrail_exchange::write_table;
use vitrail_ingest::slide::{PyramidOptions, write_pyramid};
use vitrail_ingest::{Refusal, encode_jpeg, encode_png};

use super::{Part, Rows, make_folder};
use crate::open::Failure;

/// JPEG quality of the photographs: what cameras write.
const QUALITY: u8 = 92;

/// The slide's file.
const SLIDE_FILE: &str = "slide-001.tiff";

/// Draws the parts `[skin, films, slide]` with their tables.
pub fn draw(atlas: &Atlas, parts: &[Part]) -> Result<(), Failure> {
    let [skin, films, slide, ..] = parts else { return Err("the demo lacks a part".into()) };
    for part in [skin, films, slide] {
        make_folder(&part.folder)?;
    }
    // The slide takes one core as long as all the pictures take the other.
    let (drawn, cut) = rayon::join(
        || {
            pictures(skin, atlas.skin_len(), "jpg", &|at| atlas.skin_at(at))?;
            pictures(films, atlas.films_len(), "png", &|at| atlas.film_at(at))
        },
        || whole_slide(slide, &atlas.slide()),
    );
    drawn.and(cut)
}

fn pictures(
    part: &Part,
    count: usize,
    ending: &str,
    draw: &(dyn Fn(usize) -> Option<Drawn> + Sync),
) -> Result<(), Failure> {
    let one = |at: usize| -> Result<_, Failure> {
        let Drawn { name, raster, fields } = draw(at).ok_or("the atlas has no such picture")?;
        let file = format!("{name}.{ending}");
        safe_write(&part.folder.join(&file), &encoded(&raster, ending)?)?;
        Ok((file, fields))
    };
    let rows: Rows = (0..count).into_par_iter().map(one).collect::<Result<_, Failure>>()?;
    Ok(write_table(&part.table, &rows)?)
}

fn encoded(raster: &Raster, ending: &str) -> Result<Vec<u8>, Refusal> {
    if ending == "png" { encode_png(raster) } else { encode_jpeg(raster, QUALITY) }
}

fn whole_slide(part: &Part, slide: &SyntheticSlide) -> Result<(), Failure> {
    let options = PyramidOptions::new(slide.width(), slide.height(), Some(Mpp::new(slide.mpp())?));
    let mut file = Cursor::new(Vec::new());
    write_pyramid(&mut file, &options, &mut |region| {
        let side = |value: u64| u32::try_from(value).unwrap_or_default();
        let (x, y) = (side(region.x), side(region.y));
        Ok(slide.region(x, y, side(region.width), side(region.height), 1))
    })?;
    safe_write(&part.folder.join(SLIDE_FILE), &file.into_inner())?;
    Ok(write_table(&part.table, &[(SLIDE_FILE.to_owned(), slide.fields())])?)
}
