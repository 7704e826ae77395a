//! The checks of registration: a model that fails one is listed with the reason and serves nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};
use vitrail_domain::Raster;

use crate::contract::ContractHash;
use crate::manifest::{Golden, Manifest, Output};
use crate::preprocess::Recipe;
use crate::runtime::{Axis, Port, Runtime};
use crate::take::norm;
use crate::vocabulary::{GoldenInput, Take};

/// Vectors of one picture alone and among others may differ by rounding, no more: this share of
/// the vector's length.
const BATCH_TOLERANCE: f64 = 1e-4;

/// Bytes of a file that are hashed at a time.
const HASH_CHUNK: usize = 1 << 20;

/// What the checks need of a model: a tensor of so many pictures -> vectors, a picture -> vector.
pub(crate) struct Subject<'a> {
    pub manifest: &'a Manifest,
    pub recipe: &'a Recipe,
    pub tensors: &'a dyn Fn(&[f32], usize) -> Result<Vec<Vec<f32>>, String>,
    pub picture: &'a dyn Fn(&Raster) -> Result<Vec<f32>, String>,
}

/// SHA-256 of every file against the manifest.
pub(crate) fn files(folder: &Path, manifest: &Manifest) -> Result<(), String> {
    for file in &manifest.files {
        let found = sha256(&folder.join(&file.path))?;
        if found != file.sha256 {
            return Err(format!("{} has SHA-256 {found}, not {}", file.path, file.sha256));
        }
    }
    Ok(())
}

fn sha256(path: &Path) -> Result<String, String> {
    let reading = |error: std::io::Error| format!("reading {}: {error}", path.display());
    let mut file = File::open(path).map_err(reading)?;
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; HASH_CHUNK]);
    loop {
        let read = file.read(&mut chunk).map_err(reading)?;
        if read == 0 {
            break;
        }
        hasher.update(chunk.get(..read).unwrap_or(&[]));
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Names this very model, in these very files, on this very engine: what was verified under a mark
/// need not be verified again. Sizes and times stand for the files' contents.
pub(crate) fn mark(folder: &Path, manifest: &Manifest, runtime: &Runtime) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"vitrail-verified-1");
    hasher.update(ContractHash::of(manifest).bytes());
    hasher.update(format!("{:?}{:?}", manifest.verification, manifest.tensor).as_bytes());
    let engine = format!("{} {}", runtime.engine().name(), runtime.version());
    hasher.update(engine.as_bytes());
    for file in &manifest.files {
        let facts = std::fs::metadata(folder.join(&file.path)).ok()?;
        let time = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        hasher.update(file.path.as_bytes());
        hasher.update(&facts.len().to_le_bytes());
        hasher.update(&time.to_le_bytes());
    }
    Some(*hasher.finalize().as_bytes())
}

/// Names, types and dimensions as the manifest declares them: probed, never trusted.
pub(crate) fn ports(
    (inputs, outputs): &(Vec<Port>, Vec<Port>),
    manifest: &Manifest,
    output: &Output,
) -> Result<(), String> {
    let input = named(inputs, &manifest.tensor.input_name, "input")?;
    if inputs.len() > 1 {
        return Err(format!("the graph wants {} inputs, a picture is one", inputs.len()));
    }
    let batch = manifest.tensor.fixed_batch;
    fits(input, &Recipe::of(manifest).shape(batch), batch, "the recipe gives")?;
    let out = named(outputs, &output.name, "output")?;
    if output.take == Take::Vector || output.take == Take::Pooler {
        fits(out, &[batch, output.dim], batch, "the manifest says")?;
    }
    Ok(())
}

fn named<'a>(ports: &'a [Port], name: &str, what: &str) -> Result<&'a Port, String> {
    let names = || ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = ports.iter().find(|port| port.name == name);
    let port =
        found.ok_or_else(|| format!("no {what} is named {name}; the graph has {}", names()))?;
    if port.element != "f32" {
        return Err(format!("{what} {name} holds {}, f32 was expected", port.element));
    }
    Ok(port)
}

/// A batch of 0 means any: then the first axis must be free.
fn fits(port: &Port, wanted: &[usize], batch: usize, says: &str) -> Result<(), String> {
    let Some(axes) = &port.axes else { return Ok(()) };
    let agree = |axis: &Axis, size: usize| *axis == Axis::Any || *axis == Axis::Fixed(size);
    let rest = axes.iter().zip(wanted).skip(1).all(|(axis, &size)| agree(axis, size));
    let first = axes.first().is_some_and(|axis| *axis == Axis::Any || *axis == Axis::Fixed(batch));
    if axes.len() == wanted.len() && rest && first {
        return Ok(());
    }
    let shape: Vec<_> = axes
        .iter()
        .map(|axis| match axis {
            Axis::Any => "any".to_owned(),
            Axis::Fixed(size) => size.to_string(),
        })
        .collect();
    let hint =
        if rest && !first { " (a graph of one batch size: set tensor.fixed_batch)" } else { "" };
    Err(format!("{} is [{}], {says} {wanted:?}{hint}", port.name, shape.join(", ")))
}

/// A batch of one equal to its row in a batch of three, finite, not constant, and golden.
pub(crate) fn numbers(subject: &Subject<'_>) -> Result<(), String> {
    let each = subject.recipe.floats();
    // Three pictures that differ: a graph that repeats one row would pass on equal ones.
    let data: Vec<f32> =
        pattern(3 * each).iter().zip(0..).map(|(v, i)| v * (1 + i / each) as f32 / 3.0).collect();
    let batch = (subject.tensors)(&data, 3)?;
    for (row, (together, input)) in batch.iter().zip(data.chunks(each)).enumerate() {
        let alone = (subject.tensors)(input, 1)?.pop().unwrap_or_default();
        let gap = together.iter().zip(&alone).map(|(a, b)| f64::from((a - b).abs()));
        let gap = gap.fold(0.0, f64::max);
        if together.len() != alone.len() || gap > BATCH_TOLERANCE * norm(&alone).max(1.0) {
            return Err(format!(
                "picture {row} of a batch of 3 differs from itself alone by {gap}"
            ));
        }
    }
    constant(&batch)?;
    subject.manifest.verification.golden.iter().try_for_each(|golden| check(subject, golden))
}

fn constant(batch: &[Vec<f32>]) -> Result<(), String> {
    let first = batch.first().map(Vec::as_slice).unwrap_or_default();
    let flat = first.len() > 1 && first.iter().all(|value| Some(value) == first.first());
    if batch.len() != 3 || flat || batch.iter().all(|row| row == first) {
        return Err("the output does not depend on the picture".to_owned());
    }
    Ok(())
}

fn check(subject: &Subject<'_>, golden: &Golden) -> Result<(), String> {
    let name = golden.input.word();
    let vector = match golden.input {
        GoldenInput::Tensor7919 => {
            (subject.tensors)(&pattern(subject.recipe.floats()), 1)?.pop().unwrap_or_default()
        }
        GoldenInput::Picture7919 => (subject.picture)(&pattern_picture(subject.manifest)?)?,
    };
    let bound = f64::from(golden.tolerance) * f64::from(golden.norm);
    let near = |got: f64, wanted: f32| (got - f64::from(wanted)).abs() <= bound;
    let length = norm(&vector);
    if !near(length, golden.norm) {
        return Err(format!("golden {name}: the vector's length is {length}, not {}", golden.norm));
    }
    for (at, &wanted) in golden.prefix.iter().enumerate() {
        let got = vector.get(at).copied().unwrap_or(f32::NAN);
        if !near(f64::from(got), wanted) {
            return Err(format!("golden {name}: component {at} is {got}, not {wanted}"));
        }
    }
    Ok(())
}

fn pattern_picture(manifest: &Manifest) -> Result<Raster, String> {
    let exact = manifest.geometry.size_px;
    let whole = manifest.kernel.is_none();
    let (width, height) = if whole { (exact, exact) } else { (320, 280) };
    let bytes = u64::from(width) * u64::from(height) * Raster::CHANNELS as u64;
    let pixels = (0..bytes).map(|i| ((i * 7919) % 255) as u8).collect();
    Raster::new(width, height, pixels).map_err(|error| error.to_string())
}

/// The flat tensor of `tensor_7919`: `((i * 7919) mod 255) / 127.5 - 1`.
fn pattern(floats: usize) -> Vec<f32> {
    (0..floats as u64).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0).collect()
}
