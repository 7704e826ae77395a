//! A preset bound to a user's own files.

use std::path::Path;

use crate::manifest::Manifest;
use crate::presets::Preset;
use crate::verify::sha256;
use crate::vocabulary::ModelKind;

/// A manifest that names its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The manifest's text, to stand beside the files as `model.toml`.
    pub manifest: String,
    /// The files, the graph first.
    pub files: Vec<String>,
}

/// The file of the only graph, where a folder holds several.
const GRAPH: &str = "model.onnx";

/// Finds the files that a preset needs in `weights` and adds their SHA-256 to its text. The graph
/// of a model without stages is `model.onnx`, or the only ONNX file that is not the text's.
///
/// # Errors
/// A file that is missing, said by its name, or one that can't be read.
pub fn bind(preset: &Preset, weights: &Path) -> Result<Bound, String> {
    let manifest = preset.manifest().map_err(|error| error.to_string())?;
    if !manifest.files.is_empty() || manifest.kind != ModelKind::Onnx {
        return Err(format!("preset {} is not bound to files of yours", preset.name));
    }
    let mut files = wanted(&manifest, weights)?;
    files.extend(sidecars(weights, &files));
    let mut text = format!("{}\n", preset.text.trim_end());
    for file in &files {
        let path = weights.join(file);
        if !path.is_file() {
            return Err(format!("{file} is missing in {}", weights.display()));
        }
        let digest = sha256(&path)?;
        text.push_str(&format!("\n[[files]]\npath = {file:?}\nsha256 = \"{digest}\"\n"));
    }
    Manifest::parse(&text, preset.name).map_err(|error| error.to_string())?;
    Ok(Bound { manifest: text, files })
}

/// Every file that the manifest names, the graph first.
fn wanted(manifest: &Manifest, weights: &Path) -> Result<Vec<String>, String> {
    let mut files: Vec<String> = match manifest.stages.as_slice() {
        [] => vec![graph(manifest, weights)?],
        stages => stages.iter().map(|stage| stage.file.clone()).collect(),
    };
    if let Some(text) = &manifest.text {
        files.extend(text.file.iter().chain(&text.tokenizer_files).cloned());
    }
    files.extend(manifest.post.center.clone());
    for golden in &manifest.verification.golden {
        files.extend(golden.file.iter().chain(&golden.vector_file).cloned());
    }
    let mut seen = Vec::new();
    files.retain(|file| !seen.contains(file) && { seen.push(file.clone()); true });
    Ok(files)
}

fn graph(manifest: &Manifest, weights: &Path) -> Result<String, String> {
    if weights.join(GRAPH).is_file() {
        return Ok(GRAPH.to_owned());
    }
    let text = manifest.text.as_ref().and_then(|text| text.file.as_deref());
    let graphs: Vec<String> = names(weights)?
        .into_iter()
        .filter(|name| name.ends_with(".onnx") && Some(name.as_str()) != text)
        .collect();
    match graphs.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(format!("no ONNX file lies in {}", weights.display())),
        several => Err(format!("{} lie there: name the graph {GRAPH}", several.join(", "))),
    }
}

/// External data beside a graph: `NAME.onnx_data`, `NAME.onnx.data`.
fn sidecars(weights: &Path, files: &[String]) -> Vec<String> {
    let graphs = files.iter().filter(|file| file.ends_with(".onnx"));
    let beside = graphs.flat_map(|graph| [format!("{graph}_data"), format!("{graph}.data")]);
    beside.filter(|name| weights.join(name).is_file()).collect()
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}
