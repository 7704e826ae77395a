//! Real pictures, cut into tiles as a reader would look at them.

use std::path::Path;

use vitrail_disk::safe_write;
use vitrail_domain::Raster;
use vitrail_exchange::write_table;
use vitrail_ingest::{Table, encode_png, read_picture_file};

use super::{Part, Rows, make_folder};
use crate::open::Failure;

/// Pixels a side of a tile, and from one tile to the next: half of it overlaps.
const SIDE: u32 = 224;
const STRIDE: u32 = 112;

/// The table of the real pictures.
const TABLE: &str = "pictures.csv";

/// Cuts every picture that the table names into tiles, with its source and licence in each row.
pub fn cut(from: &Path, part: &Part) -> Result<(), Failure> {
    let path = from.join(TABLE);
    let table = Table::read(&path)?;
    make_folder(&part.folder)?;
    let mut rows = Rows::new();
    for entry in std::fs::read_dir(from)? {
        let file = entry?.path().canonicalize()?;
        let Some(fields) = table.fields_for(&file) else { continue };
        let picture = read_picture_file(&file)?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (x, y) in corners(&picture.raster) {
            let name = format!("{stem}-{x:04}-{y:04}.png");
            safe_write(&part.folder.join(&name), &encode_png(&tile(&picture.raster, x, y)?)?)?;
            let mut fields = fields.clone();
            fields.insert("synthetic".to_owned(), false.into());
            fields.insert("picture".to_owned(), stem.clone().into());
            fields.insert("x".to_owned(), x.into());
            fields.insert("y".to_owned(), y.into());
            rows.push((name, fields));
        }
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(write_table(&part.table, &rows)?)
}

/// Where tiles begin; a picture smaller than a tile is one tile.
fn corners(raster: &Raster) -> Vec<(u32, u32)> {
    let steps = |length: u32| (0..=length.saturating_sub(SIDE)).step_by(STRIDE as usize);
    steps(raster.height()).flat_map(|y| steps(raster.width()).map(move |x| (x, y))).collect()
}

fn tile(raster: &Raster, x: u32, y: u32) -> Result<Raster, Failure> {
    let (width, height) = (SIDE.min(raster.width()), SIDE.min(raster.height()));
    let mut pixels = Vec::with_capacity(width as usize * height as usize * Raster::CHANNELS);
    let (from, to) = (x as usize * Raster::CHANNELS, (x + width) as usize * Raster::CHANNELS);
    for row in y..y + height {
        pixels.extend_from_slice(raster.row(row).get(from..to).unwrap_or_default());
    }
    Ok(Raster::new(width, height, pixels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_picture_and_stay_inside() {
        let raster = Raster::filled(500, 224, [1, 2, 3]).expect("a picture");
        assert_eq!(corners(&raster), [(0, 0), (112, 0), (224, 0)]);
        let small = Raster::filled(100, 90, [1, 2, 3]).expect("a picture");
        assert_eq!(corners(&small), [(0, 0)]);
        let cut = tile(&small, 0, 0).expect("a tile");
        assert_eq!((cut.width(), cut.height()), (100, 90));
    }
}
