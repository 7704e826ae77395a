//! A manifest from what users already have: the configurations of four other programs.

mod configs;
mod pbtxt;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde_json::Value;
use toml::{Table, Value as Toml};
use vitrail_domain::limits::MANIFEST_BYTES_MAX;

use crate::runtime::{Axis, declared_ports};
use crate::vocabulary::{GeometryRule, Kernel, Layout, ScalingBase, Take};

/// A manifest as far as it could be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The manifest's text; it reads, but what `unknown` lists is a guess in it.
    pub manifest: String,
    /// The files that were read.
    pub read: Vec<String>,
    /// What no file said, and what stands in its place.
    pub unknown: Vec<String>,
}

/// What the files said; none said it yet: `None`.
#[derive(Debug, Default)]
struct Facts {
    name: Option<String>,
    rule: Option<GeometryRule>,
    /// Side of the network's input.
    side: Option<u32>,
    /// Shortest side before the crop.
    resize: Option<u32>,
    kernel: Option<Kernel>,
    base: Option<ScalingBase>,
    mean: Option<[f64; 3]>,
    std: Option<[f64; 3]>,
    layout: Option<Layout>,
    input: Option<String>,
    output: Option<String>,
    dim: Option<usize>,
    take: Option<Take>,
    max_batch: Option<usize>,
    /// What was read and can't be said in a manifest.
    notes: Vec<String>,
}

/// The configurations that are known, by their file names.
const KNOWN: [(&str, fn(&str, &mut Facts) -> Result<(), String>); 4] = [
    ("preprocessor_config.json", configs::preprocessor),
    ("open_clip_config.json", configs::open_clip),
    ("config.json", configs::timm),
    ("config.pbtxt", pbtxt::triton),
];

/// Reads every known configuration in `folder`, and the graph's own inputs and outputs where an
/// ONNX file lies beside them.
///
/// # Errors
/// No known configuration, or one that can't be read, in words.
pub fn import(folder: &Path) -> Result<Imported, String> {
    let mut facts = Facts::default();
    let mut read = Vec::new();
    for (name, take) in KNOWN {
        let path = folder.join(name);
        let Ok(found) = std::fs::metadata(&path) else { continue };
        if found.len() > MANIFEST_BYTES_MAX {
            return Err(format!("{name} has more than {MANIFEST_BYTES_MAX} bytes"));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        take(&text, &mut facts).map_err(|error| format!("{name}: {error}"))?;
        read.push(name.to_owned());
    }
    if read.is_empty() {
        let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
        return Err(format!("no known configuration: one of {}", known.join(", ")));
    }
    if let Some(graph) = only_graph(folder) {
        probe(&folder.join(&graph), &mut facts);
        read.push(graph);
    }
    let (manifest, unknown) = write(folder, facts)?;
    Ok(Imported { manifest, read, unknown })
}

/// The only ONNX file of a folder.
fn only_graph(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    let mut graphs = names.filter(|name| name.ends_with(".onnx"));
    let first = graphs.next()?;
    graphs.next().is_none().then_some(first)
}

/// What the graph itself declares.
fn probe(path: &Path, facts: &mut Facts) {
    let (inputs, outputs) = match declared_ports(path) {
        Ok(ports) => ports,
        Err(error) => return facts.notes.push(format!("the graph can't be read: {error}")),
    };
    if let [input] = inputs.as_slice() {
        facts.input = Some(input.name.clone());
        let last = input.axes.as_ref().and_then(|axes| axes.last());
        let is_nhwc = last == Some(&Axis::Fixed(3));
        facts.layout = Some(if is_nhwc { Layout::Nhwc } else { Layout::Nchw });
    }
    let [output, rest @ ..] = outputs.as_slice() else { return };
    if !rest.is_empty() {
        let names: Vec<_> = outputs.iter().map(|port| port.name.as_str()).collect();
        facts.notes.push(format!("the graph has the outputs {}: choose one", names.join(", ")));
    }
    facts.output.get_or_insert_with(|| output.name.clone());
    match output.axes.as_deref() {
        Some([_, Axis::Fixed(dim)]) => facts.dim = Some(*dim),
        Some([_, _, Axis::Fixed(dim)]) => {
            facts.dim = Some(*dim);
            facts.take.get_or_insert(Take::Cls);
        }
        _ => {}
    }
}

/// A value, or a guess that is told.
fn or<T>(value: Option<T>, guess: T, what: &str, unknown: &mut Vec<String>) -> T {
    value.unwrap_or_else(|| {
        unknown.push(what.to_owned());
        guess
    })
}

fn write(folder: &Path, facts: Facts) -> Result<(String, Vec<String>), String> {
    let mut unknown = facts.notes.clone();
    let text = |word: &str| Toml::String(word.to_owned());
    let mut manifest = Table::new();
    manifest.insert("kind".into(), text("onnx"));
    let geometry = geometry(&facts, &mut manifest, &mut unknown);
    let name = facts.name.clone().or_else(|| {
        folder.file_name().map(|name| name.to_string_lossy().to_lowercase().replace(' ', "-"))
    });
    let name = or(name, "imported".to_owned(), "identity.name", &mut unknown);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.to_lowercase().chars().map(plain).collect();
    let name = name.trim_start_matches(['-', '_', '.']).to_owned();
    let name = if name.is_empty() { "imported".to_owned() } else { name };
    let section = |pairs: Vec<(&str, Toml)>| {
        Toml::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let mut put = |key: &str, value: Toml| manifest.insert(key.to_owned(), value);
    put("identity", section(vec![
        ("name", text(&name)),
        ("revision", text("imported")),
        ("precision", text("fp32")),
    ]));
    unknown.push("identity.precision: fp32 is assumed".to_owned());
    put("licence", section(vec![
        ("spdx_or_name", text("unknown")),
        ("gated", false.into()),
        ("commercial", false.into()),
        ("source_url", text("")),
    ]));
    unknown.push("licence: no file says it; commercial use is denied until you know".to_owned());
    put("geometry", geometry);
    put("scaling", scaling(&facts, &mut unknown));
    let layout = or(facts.layout, Layout::Nchw, "tensor.layout: nchw is assumed", &mut unknown);
    let input = or(facts.input, "input".into(), "tensor.input_name", &mut unknown);
    let batch = facts.max_batch.unwrap_or(8).clamp(1, 256) as i64;
    put("tensor", section(vec![
        ("layout", text(layout.word())),
        ("dtype", text("f32")),
        ("input_name", text(&input)),
        ("max_batch", batch.into()),
    ]));
    let output = or(facts.output, "output".into(), "outputs.name", &mut unknown);
    let dim = or(facts.dim, 1, "outputs.dim: 1 stands there", &mut unknown);
    let take = or(facts.take, Take::Vector, "outputs.take: vector is assumed", &mut unknown);
    put("outputs", Toml::Array(vec![section(vec![
        ("name", text(&output)),
        ("role", text("image")),
        ("take", text(take.word())),
        ("dim", (dim as i64).into()),
    ])]));
    put("search", section(vec![("metric", text("cosine"))]));
    unknown.push("search.metric: cosine is assumed".to_owned());
    put("verification", section(vec![("verified", text("unverified"))]));
    let text = toml::to_string(&manifest).map_err(|error| error.to_string())?;
    Ok((text, unknown))
}

fn geometry(facts: &Facts, manifest: &mut Table, unknown: &mut Vec<String>) -> Toml {
    let mut geometry = Table::new();
    let rule = or(facts.rule, GeometryRule::Exact, "geometry: exact is assumed", unknown);
    let side = i64::from(or(facts.side, 224, "geometry: a side of 224 is assumed", unknown));
    let resize = facts.resize.map_or(side, i64::from);
    geometry.insert("rule".into(), Toml::String(rule.word().to_owned()));
    let mut put = |key: &str, value: i64| geometry.insert(key.to_owned(), value.into());
    match rule {
        GeometryRule::ShortestThenCenterCrop | GeometryRule::FiveCropMean => {
            put("resize_px", resize);
            put("crop_px", side);
        }
        GeometryRule::CenterCropOnly => {
            put("crop_px", side);
        }
        _ => {
            put("size_px", side);
        }
    }
    if !matches!(rule, GeometryRule::Exact | GeometryRule::CenterCropOnly) {
        let kernel = or(facts.kernel, Kernel::Bilinear, "kernel: pil_bilinear is assumed", unknown);
        manifest.insert("kernel".to_owned(), Toml::String(kernel.word().to_owned()));
    }
    Toml::Table(geometry)
}

fn scaling(facts: &Facts, unknown: &mut Vec<String>) -> Toml {
    let base = or(facts.base, ScalingBase::U8_255, "scaling.base: u8_255 is assumed", unknown);
    let mut scaling = Table::new();
    scaling.insert("base".into(), Toml::String(base.word().to_owned()));
    for (key, values) in [("mean", facts.mean), ("std", facts.std)] {
        if let Some(values) = values {
            let values = values.into_iter().map(Toml::Float).collect();
            scaling.insert(key.to_owned(), Toml::Array(values));
        }
    }
    Toml::Table(scaling)
}

/// Three numbers of a list; one alone thrice.
fn three(value: &Value) -> Option<[f64; 3]> {
    if let Some(one) = value.as_f64() {
        return Some([one; 3]);
    }
    let list: Vec<f64> = value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    match list.as_slice() {
        [one] => Some([*one; 3]),
        _ => list.try_into().ok(),
    }
}

/// A side in pixels.
fn side(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|side| u32::try_from(side).ok())
}
