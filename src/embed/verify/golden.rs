//! Known inputs and the vectors that they must give.

use std::path::Path;

use sha2::{Digest, Sha256};
use vitrail_domain::Raster;
use vitrail_domain::limits::IMAGE_BYTES_MAX;

use super::{Subject, hex};
use crate::graphs::floats;
use crate::manifest::{Golden, Manifest};
use crate::take::norm;
use crate::vocabulary::{GoldenInput, Precision};

/// Smallest cosine where the manifest says none: 32-bit weights, and coarser ones.
const MIN_COSINE: f64 = 0.9999;
const MIN_COSINE_COARSE: f64 = 0.999;

/// What was found, in words.
///
/// # Errors
/// The number that differs, with both values.
pub(super) fn check(subject: &Subject<'_>, golden: &Golden) -> Result<String, String> {
    let name = golden.input.word();
    let at = |reason: String| format!("golden {name}: {reason}");
    let vector = vector(subject, golden).map_err(at)?;
    match &golden.vector_file {
        Some(file) => {
            let wanted = floats(&subject.folder.join(file), vector.len()).map_err(at)?;
            by_cosine(subject.manifest, golden, &vector, &wanted).map_err(at)
        }
        None => by_prefix(golden, &vector).map_err(at),
    }
}

fn vector(subject: &Subject<'_>, golden: &Golden) -> Result<Vec<f32>, String> {
    let picture = match golden.input {
        GoldenInput::Tensor7919 => {
            let (recipe, run) = subject.tensors.ok_or("a model elsewhere takes no tensor")?;
            return Ok(run(&pattern(recipe.floats()))?.pop().unwrap_or_default());
        }
        GoldenInput::Text => {
            let run = subject.texts.ok_or("the model has no text tower")?;
            let text = golden.text.as_deref().unwrap_or_default();
            return Ok(run(&[text])?.pop().unwrap_or_default());
        }
        GoldenInput::Picture7919 => pattern_picture(subject.manifest)?,
        GoldenInput::Picture => {
            let file = golden.file.as_deref().ok_or("no file is named")?;
            read_ppm(&subject.folder.join(file))?
        }
    };
    check_pixels(subject, golden, &picture)?;
    Ok((subject.pictures)(&[picture])?.pop().unwrap_or_default())
}

fn check_pixels(subject: &Subject<'_>, golden: &Golden, picture: &Raster) -> Result<(), String> {
    let (Some(wanted), Some((recipe, _))) = (&golden.pixels_sha256, subject.tensors) else {
        return Ok(());
    };
    let mut tensor = Vec::new();
    recipe.append(picture, &mut tensor)?;
    let bytes: Vec<u8> = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
    let found = hex(&Sha256::digest(&bytes));
    match found == *wanted {
        true => Ok(()),
        false => Err(format!("the preprocessed tensor has SHA-256 {found}, not {wanted}")),
    }
}

fn by_cosine(
    manifest: &Manifest,
    golden: &Golden,
    got: &[f32],
    wanted: &[f32],
) -> Result<String, String> {
    let usual = match manifest.identity.precision {
        Precision::Fp32 => MIN_COSINE,
        _ => MIN_COSINE_COARSE,
    };
    let least = golden.min_cosine.unwrap_or(usual);
    let dot: f64 = got.iter().zip(wanted).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    let cosine = dot / (norm(got) * norm(wanted));
    match cosine >= least {
        true => Ok(format!("cosine {cosine:.6}")),
        false => Err(format!("the cosine is {cosine}, below {least}")),
    }
}

fn by_prefix(golden: &Golden, vector: &[f32]) -> Result<String, String> {
    let bound = f64::from(golden.tolerance) * f64::from(golden.norm);
    let near = |got: f64, wanted: f32| (got - f64::from(wanted)).abs() <= bound;
    let length = norm(vector);
    if !near(length, golden.norm) {
        return Err(format!("the vector's length is {length}, not {}", golden.norm));
    }
    for (at, &wanted) in golden.prefix.iter().enumerate() {
        let got = vector.get(at).copied().unwrap_or(f32::NAN);
        if !near(f64::from(got), wanted) {
            return Err(format!("component {at} is {got}, not {wanted}"));
        }
    }
    Ok(format!("length {length:.5} and {} components", golden.prefix.len()))
}

/// The picture of `picture_7919`.
pub(super) fn pattern_picture(manifest: &Manifest) -> Result<Raster, String> {
    let own = manifest.geometry.side();
    let whole = manifest.kernel.is_none() && own > 0;
    let (width, height) = if whole { (own, own) } else { (320, 280) };
    let bytes = u64::from(width) * u64::from(height) * Raster::CHANNELS as u64;
    let pixels = (0..bytes).map(|i| ((i * 7919) % 255) as u8).collect();
    Raster::new(width, height, pixels).map_err(|error| error.to_string())
}

/// The flat tensor of `tensor_7919`: `((i * 7919) mod 255) / 127.5 - 1`.
pub(super) fn pattern(floats: usize) -> Vec<f32> {
    (0..floats as u64).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0).collect()
}

/// A binary PPM of 255 levels: `P6`, width, height, 255, one white space, bytes.
fn read_ppm(path: &Path) -> Result<Raster, String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let unreadable = |error: std::io::Error| format!("{name}: {error}");
    if std::fs::metadata(path).map_err(unreadable)?.len() > IMAGE_BYTES_MAX {
        return Err(format!("{name} has more than {IMAGE_BYTES_MAX} bytes"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    parse_ppm(&bytes).ok_or_else(|| format!("{name} is no PPM (P6, 255) picture"))
}

fn parse_ppm(bytes: &[u8]) -> Option<Raster> {
    let mut at = 0;
    let mut word = || {
        let start = at + bytes.get(at..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let length = bytes.get(start..)?.iter().position(u8::is_ascii_whitespace)?;
        at = start + length;
        std::str::from_utf8(bytes.get(start..at)?).ok()
    };
    let magic = word()?;
    let (width, height) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let levels = word()?;
    let pixels = bytes.get(at + 1..)?.to_vec();
    (magic == "P6" && levels == "255").then(|| Raster::new(width, height, pixels).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ppm_is_read_and_another_is_not() {
        let picture = parse_ppm(b"P6\n2 1\n255\n\x01\x02\x03\x0a\x0b\x0c").unwrap();
        assert_eq!((picture.width(), picture.height()), (2, 1));
        assert_eq!(picture.pixels(), [1, 2, 3, 10, 11, 12]);
        for wrong in [&b"P5\n2 1\n255\n123456"[..], b"P6\n2 1\n65535\n123456", b"P6 2 1 255 12345"] {
            assert_eq!(parse_ppm(wrong), None);
        }
    }
}
