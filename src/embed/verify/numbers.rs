//! What comes out: finite, not constant, the same alone and among others, and golden.

use std::path::Path;

use vitrail_domain::Raster;

use super::golden;
use super::{Report, golden::pattern};
use crate::manifest::Manifest;
use crate::preprocess::Recipe;
use crate::take::norm;

/// Vectors of one picture alone and among others may differ by rounding, no more: this share of
/// the vector's length.
const BATCH_TOLERANCE: f64 = 1e-4;

/// Weights of 16 bits and less round more.
const BATCH_TOLERANCE_COARSE: f64 = 1e-2;

/// Items -> vectors.
type Run<'a, T> = &'a dyn Fn(&[T]) -> Result<Vec<Vec<f32>>, String>;

/// Texts -> vectors.
type RunTexts<'a> = &'a dyn Fn(&[&str]) -> Result<Vec<Vec<f32>>, String>;

/// What the checks need of a model.
pub(crate) struct Subject<'a> {
    pub folder: &'a Path,
    pub manifest: &'a Manifest,
    /// Prepared squares, one after another, and how many; a model elsewhere takes none.
    pub tensors: Option<(&'a Recipe, Run<'a, f32>)>,
    pub pictures: Run<'a, Raster>,
    pub texts: Option<RunTexts<'a>>,
}

/// A batch of one equal to its row in a batch of three, finite, not constant, and golden.
///
/// # Errors
/// The check that failed, with both values.
pub(crate) fn numbers(subject: &Subject<'_>, report: &mut Report) -> Result<(), String> {
    let batch = match subject.tensors {
        Some((recipe, run)) => tensors(subject, recipe, run)?,
        None => pictures(subject)?,
    };
    report.add("finite", "every component is a number");
    constant(&batch, "picture")?;
    report.add("not constant", "three pictures have three vectors");
    match subject.manifest.verification.batch_invariance {
        true => report.add("batch", "a batch of 1 gives what a batch of 3 gives"),
        false => report.add("batch", "not checked: the manifest leaves it out"),
    }
    if let Some(run) = subject.texts {
        texts(subject, run)?;
        report.add("text", "two texts have two vectors, the same alone and together");
    }
    let golden = &subject.manifest.verification.golden;
    for one in golden {
        let found = golden::check(subject, one)?;
        report.add(&format!("golden {}", one.input.word()), found);
    }
    if golden.is_empty() {
        report.add("golden", "none: no known vector proves the numbers");
    }
    Ok(())
}

fn tensors(
    subject: &Subject<'_>,
    recipe: &Recipe,
    run: Run<'_, f32>,
) -> Result<Vec<Vec<f32>>, String> {
    let each = recipe.floats();
    // Three pictures that differ: a graph that repeats one row would pass on equal ones.
    let data: Vec<f32> =
        pattern(3 * each).iter().zip(0..).map(|(v, i)| v * (1 + i / each) as f32 / 3.0).collect();
    let batch = run(&data)?;
    for (row, (together, input)) in batch.iter().zip(data.chunks(each)).enumerate() {
        let alone = run(input)?.pop().unwrap_or_default();
        same(subject, &format!("picture {row}"), together, &alone)?;
    }
    Ok(batch)
}

fn pictures(subject: &Subject<'_>) -> Result<Vec<Vec<f32>>, String> {
    let first = golden::pattern_picture(subject.manifest)?;
    let mut all = Vec::new();
    for shift in 0..3 {
        let mut picture = first.clone();
        picture.pixels_mut().iter_mut().for_each(|byte| *byte >>= shift);
        all.push(picture);
    }
    let batch = (subject.pictures)(&all)?;
    for (row, (together, picture)) in batch.iter().zip(&all).enumerate() {
        let alone = (subject.pictures)(std::slice::from_ref(picture))?.pop().unwrap_or_default();
        same(subject, &format!("picture {row}"), together, &alone)?;
    }
    Ok(batch)
}

fn texts(subject: &Subject<'_>, run: RunTexts<'_>) -> Result<(), String> {
    let texts = ["a chest x-ray with a large effusion", "a small brown spot on skin", "h"];
    let batch = run(&texts)?;
    for (text, together) in texts.iter().zip(&batch) {
        let alone = run(&[text])?.pop().unwrap_or_default();
        same(subject, &format!("text {text:?}"), together, &alone)?;
    }
    constant(&batch, "text")
}

fn same(subject: &Subject<'_>, what: &str, together: &[f32], alone: &[f32]) -> Result<(), String> {
    use crate::vocabulary::Precision;
    if !subject.manifest.verification.batch_invariance {
        return Ok(());
    }
    let tolerance = match subject.manifest.identity.precision {
        Precision::Fp32 => BATCH_TOLERANCE,
        _ => BATCH_TOLERANCE_COARSE,
    };
    let gap = together.iter().zip(alone).map(|(a, b)| f64::from((a - b).abs()));
    let gap = gap.fold(0.0, f64::max);
    if together.len() != alone.len() || gap > tolerance * norm(alone).max(1.0) {
        return Err(format!("{what} of a batch of 3 differs from itself alone by {gap}"));
    }
    Ok(())
}

fn constant(batch: &[Vec<f32>], what: &str) -> Result<(), String> {
    let first = batch.first().map(Vec::as_slice).unwrap_or_default();
    let flat = first.len() > 1 && first.iter().all(|value| Some(value) == first.first());
    if batch.len() != 3 || flat || batch.iter().all(|row| row == first) {
        return Err(format!("the output does not depend on the {what}"));
    }
    Ok(())
}
