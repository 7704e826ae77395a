//! What happens to a picture before the network sees it: the recipe step by step, and its result.

use vitrail_domain::Raster;

use crate::manifest::{Geometry, Manifest};
use crate::preprocess::{Pixels, Recipe};
use crate::vocabulary::{GeometryRule, ResizeType};

/// The recipe as it went for one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// One sentence a step.
    pub steps: Vec<String>,
    /// Axes of the tensor, the number of squares first.
    pub shape: [usize; 4],
    /// The tensor, `shape` numbers.
    pub tensor: Vec<f32>,
    /// What the network sees before numbers are scaled: squares side by side.
    pub seen: Raster,
}

/// Prepares a picture and says how.
pub(crate) fn explain(
    manifest: &Manifest,
    recipe: &Recipe,
    picture: &Raster,
) -> Result<Explained, String> {
    let squares = recipe.squares(picture)?;
    let mut tensor = Vec::with_capacity(recipe.views() * recipe.floats());
    recipe.append(picture, &mut tensor)?;
    let bytes: Vec<Vec<u8>> = squares.into_iter().map(|square| bytes(square.pixels)).collect();
    let seen = side_by_side(recipe.side(), &bytes)?;
    let shape = recipe.shape(recipe.views());
    let steps = steps(manifest, picture, (&tensor, shape));
    Ok(Explained { steps, shape, tensor, seen })
}

fn bytes(pixels: Pixels) -> Vec<u8> {
    match pixels {
        Pixels::U8(bytes) => bytes,
        Pixels::F32(floats) => floats.into_iter().map(|value| value.round() as u8).collect(),
    }
}

fn side_by_side(side: u32, squares: &[Vec<u8>]) -> Result<Raster, String> {
    let stride = side as usize * Raster::CHANNELS;
    let count = u32::try_from(squares.len()).map_err(|error| error.to_string())?;
    let rows = (0..side as usize).flat_map(|y| {
        squares.iter().flat_map(move |square| {
            square.get(y * stride..(y + 1) * stride).unwrap_or(&[]).iter().copied()
        })
    });
    Raster::new(side * count, side, rows.collect()).map_err(|error| error.to_string())
}

fn steps(manifest: &Manifest, picture: &Raster, seen: (&[f32], [usize; 4])) -> Vec<String> {
    let (width, height) = (picture.width(), picture.height());
    let mut steps = vec![format!("decoded to {width} x {height} RGB, 8 bits a channel")];
    if manifest.tensor.channels == 1 || manifest.source.color.word() == "grey" {
        steps.push("to luminance, (19595 R + 38470 G + 7471 B + 32768) / 65536".to_owned());
    }
    steps.push(geometry(manifest));
    steps.push(scaling(manifest));
    let (tensor, shape) = seen;
    let low = tensor.iter().copied().fold(f32::INFINITY, f32::min);
    let high = tensor.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mean = tensor.iter().map(|&value| f64::from(value)).sum::<f64>() / tensor.len() as f64;
    let (layout, dtype) = (manifest.tensor.layout.word(), manifest.tensor.dtype.word());
    steps.push(format!(
        "tensor {layout} {shape:?} {dtype}: smallest {low}, largest {high}, mean {mean:.6}"
    ));
    steps
}

fn geometry(manifest: &Manifest) -> String {
    let Geometry { rule, size_px, resize_px, crop_px, pad_value, placement } = manifest.geometry;
    let kernel = manifest.kernel.map_or("none", |kernel| kernel.word());
    let dtype = manifest.resize_dtype.map(ResizeType::word);
    let by = format!("by {kernel}{}", dtype.map(|kind| format!(" in {kind}")).unwrap_or_default());
    let placed = placement.word();
    match rule {
        GeometryRule::Exact => format!("taken as it is: exactly {size_px} x {size_px}"),
        GeometryRule::Squash => format!("squashed to {size_px} x {size_px} {by}"),
        GeometryRule::ShortestThenCenterCrop => {
            format!("shortest side to {resize_px} {by}, centre {crop_px} x {crop_px} cut")
        }
        GeometryRule::LongestThenPad => {
            format!("longest side to {size_px} {by}, filled with {pad_value} ({placed})")
        }
        GeometryRule::PadSquareThenResize => format!(
            "filled with {pad_value} to a square ({placed}), resized to {size_px} x {size_px} {by}"
        ),
        GeometryRule::CenterCropOnly => format!("centre {crop_px} x {crop_px} cut"),
        GeometryRule::FiveCropMean => format!(
            "shortest side to {resize_px} {by}, four corners and the centre of {crop_px} x \
             {crop_px} cut; the mean of the five vectors is taken"
        ),
    }
}

fn scaling(manifest: &Manifest) -> String {
    let scaling = &manifest.scaling;
    let list = |values: [f32; 3]| format!("[{}, {}, {}]", values[0], values[1], values[2]);
    let mean = scaling.mean.map(|mean| format!(", minus {}", list(mean)));
    let std = scaling.std.map(|std| format!(", by {}", list(std)));
    let base = scaling.base.word();
    format!("scaled by {base}{}{}", mean.unwrap_or_default(), std.unwrap_or_default())
}
