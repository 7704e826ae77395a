//! The two hashes of a picture's pixels, and the digest of a file's bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use vitrail_domain::{Cancel, Code, Raster};

use crate::refusal::Refusal;

/// Bytes of a file that are hashed between two looks at the flag.
const PIECE: usize = 1024 * 1024;

/// BLAKE3 over width and height (little endian, 4 bytes each) and the RGB pixels: two files with
/// the same hash show the same picture, however they are encoded. O(pixels).
#[must_use]
pub fn pixel_hash(raster: &Raster) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&raster.width().to_le_bytes());
    hasher.update(&raster.height().to_le_bytes());
    hasher.update(raster.pixels());
    *hasher.finalize().as_bytes()
}

/// Columns and rows of the grey picture that is compared.
const COLUMNS: usize = 9;
const ROWS: usize = 8;

/// 64-bit difference hash (N. Krawetz, "Kind of Like That", 2013): the picture is averaged to a
/// grey 9 x 8; bit `8 row + column`, counted from the highest, says whether the right neighbour
/// is brighter. Near copies differ in few bits. O(pixels).
#[must_use]
pub fn perceptual_hash(raster: &Raster) -> u64 {
    let grey = averaged(raster);
    let mut bits = 0_u64;
    for row in &grey {
        for pair in row.windows(2) {
            bits = bits << 1 | u64::from(matches!(pair, [left, right] if right > left));
        }
    }
    bits
}

/// Mean grey (BT.601, times 1000) of each of 9 x 8 boxes that cover the picture.
fn averaged(raster: &Raster) -> [[u64; COLUMNS]; ROWS] {
    let mut means = [[0; COLUMNS]; ROWS];
    for (row, means) in means.iter_mut().enumerate() {
        let (top, bottom) = span(row, ROWS, raster.height());
        for (column, mean) in means.iter_mut().enumerate() {
            let (left, right) = span(column, COLUMNS, raster.width());
            let sum: u64 = (top..bottom).map(|y| grey_sum(raster.row(y), left, right)).sum();
            *mean = sum / (u64::from(bottom - top) * u64::from(right - left)).max(1);
        }
    }
    means
}

/// First and last + 1 pixel of box `at` of `boxes` along a side; never empty.
fn span(at: usize, boxes: usize, side: u32) -> (u32, u32) {
    let edge = |at: usize| (at as u64 * u64::from(side) / boxes as u64) as u32;
    let start = edge(at).min(side.saturating_sub(1));
    (start, edge(at + 1).max(start + 1))
}

fn grey_sum(row: &[u8], left: u32, right: u32) -> u64 {
    let bytes = row.get(left as usize * 3..right as usize * 3).unwrap_or(&[]);
    let (pixels, _) = bytes.as_chunks::<3>();
    let grey = |[red, green, blue]: &[u8; 3]| {
        299 * u64::from(*red) + 587 * u64::from(*green) + 114 * u64::from(*blue)
    };
    pixels.iter().map(grey).sum()
}

/// SHA-256 of a file's bytes, as provenance keeps it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// [`sha256`] of a file too large to hold, read in pieces of a megabyte.
///
/// # Errors
/// `file_unreadable`, or `cancelled`.
pub fn sha256_file(path: &Path, cancel: &Cancel) -> Result<[u8; 32], Refusal> {
    let unreadable = |error| Refusal::unreadable(path, error);
    let mut file = File::open(path).map_err(unreadable)?;
    let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        if cancel.is_cancelled() {
            return Err(Refusal::new(Code::Cancelled, "hashing the file was cancelled"));
        }
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(read) => hasher.update(piece.get(..read).unwrap_or(&[])),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: u32, height: u32, grey: impl Fn(u32) -> u8) -> Raster {
        let pixels = (0..height).flat_map(|_| (0..width).flat_map(|x| [grey(x); 3])).collect();
        Raster::new(width, height, pixels).expect("a raster")
    }

    #[test]
    fn difference_hash_of_ramps() {
        assert_eq!(perceptual_hash(&ramp(90, 80, |x| x as u8)), u64::MAX);
        assert_eq!(perceptual_hash(&ramp(90, 80, |x| 255 - x as u8)), 0);
        // Bright in the last box only: the last comparison of each row is true.
        let last = ramp(90, 80, |x| if x >= 80 { 200 } else { 10 });
        assert_eq!(perceptual_hash(&last), 0x0101_0101_0101_0101);
    }

    #[test]
    fn a_file_is_hashed_in_pieces_as_its_bytes_are() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let bytes: Vec<u8> = (0..PIECE * 2 + 77).map(|at| (at * 31 % 251) as u8).collect();
        std::io::Write::write_all(&mut file, &bytes).expect("written");
        assert_eq!(sha256_file(file.path(), &Cancel::new()), Ok(sha256(&bytes)));
        let stopped = Cancel::new();
        stopped.cancel();
        let refusal = sha256_file(file.path(), &stopped).expect_err("cancelled");
        assert_eq!(refusal.code, Code::Cancelled);
    }

    #[test]
    fn pictures_smaller_than_the_grid_are_hashed() {
        assert_eq!(perceptual_hash(&ramp(1, 1, |_| 9)), 0);
    }

    #[test]
    fn the_pixel_hash_knows_the_shape() {
        assert_ne!(pixel_hash(&ramp(4, 2, |_| 9)), pixel_hash(&ramp(2, 4, |_| 9)));
    }
}
