//! The contract: one hash of everything in a manifest that changes numbers.

use std::fmt;

use crate::manifest::{Colour, Dicom, Manifest, Rewrite, Source, Text};
use crate::vocabulary::{ModelKind, Placement};

/// BLAKE3 over the numeric fields of a manifest and its files' SHA-256. Two vectors may be
/// compared only where their contracts are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContractHash([u8; 32]);

impl ContractHash {
    /// The contract of a manifest. Words that change no number (description, licence, golden
    /// vectors, batch sizes, tile sizes) leave it as it is.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self(*blake3::hash(canonical(manifest).as_bytes()).as_bytes())
    }

    /// The raw hash.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContractHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContractHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContractHash({self})")
    }
}

/// The fields as lines `key=value` in a fixed order; floats by their bits.
fn canonical(manifest: &Manifest) -> String {
    let mut text = String::from("vitrail-contract-1\n");
    let mut line = |key: &str, value: &dyn fmt::Display| {
        text.push_str(&format!("{key}={value}\n"));
    };
    line("kind", &manifest.kind.word());
    line("precision", &manifest.identity.precision.word());
    for file in &manifest.files {
        line("file", &file.sha256);
    }
    let geometry = &manifest.geometry;
    line("geometry", &geometry.rule.word());
    line("size_px", &geometry.size_px);
    line("resize_px", &geometry.resize_px);
    line("crop_px", &geometry.crop_px);
    line("kernel", &manifest.kernel.map_or("none", |kernel| kernel.word()));
    line("scaling", &manifest.scaling.base.word());
    line("mean", &bits(manifest.scaling.mean));
    line("std", &bits(manifest.scaling.std));
    line("layout", &manifest.tensor.layout.word());
    line("dtype", &manifest.tensor.dtype.word());
    line("input", &manifest.tensor.input_name);
    for output in &manifest.outputs {
        line("output", &output.name);
        line("role", &output.role.word());
        line("take", &output.take.word());
        line("prefix_tokens", &output.prefix_tokens);
        line("dim", &output.dim);
    }
    line("l2_normalize", &manifest.post.l2_normalize);
    later(manifest, &mut line);
    text
}

/// Fields that came after the first version: said only where they are not as they were then, so
/// that contracts of old manifests stay what they are.
fn later(manifest: &Manifest, line: &mut dyn FnMut(&str, &dyn fmt::Display)) {
    later_picture(manifest, line);
    later_graph(manifest, line);
    if let Some(text) = &manifest.text {
        of_text(text, line);
    }
    if manifest.kind != ModelKind::Onnx {
        // No file says what the weights are.
        line("name", &manifest.identity.name);
        line("revision", &manifest.identity.revision);
        line("schema", &manifest.vertex.as_ref().map_or("none", |vertex| vertex.schema.word()));
    }
}

fn later_picture(manifest: &Manifest, line: &mut dyn FnMut(&str, &dyn fmt::Display)) {
    let (source, dicom, geometry) = (&manifest.source, &manifest.dicom, &manifest.geometry);
    if *source != Source::default() {
        let words = [
            source.exif_orient.word(),
            source.color.word(),
            source.grey_to_rgb.word(),
            source.alpha.word(),
            source.bit_depth.word(),
        ];
        line("source", &words.join(","));
    }
    if *dicom != Dicom::default() {
        let words = [
            dicom.modality_lut.word(),
            dicom.window.word(),
            dicom.aggregate.word(),
            dicom.monochrome1.word(),
            dicom.rounding.word(),
        ];
        line("dicom", &words.join(","));
        let single = dicom.window_center.iter().chain(&dicom.window_width).copied();
        let cut = dicom.window_percentiles.iter().flatten().copied();
        let numbers = single.chain(cut).chain(dicom.multi_window.iter().flatten().copied());
        let hex = numbers.map(|value: f64| format!("{:016x}", value.to_bits()));
        line("windows", &hex.collect::<Vec<_>>().join(","));
    }
    if manifest.colour != Colour::default() {
        line("icc", &manifest.colour.icc.word());
        line("intent", &manifest.colour.intent.word());
    }
    if geometry.pad_value != 0.0 || geometry.placement != Placement::Center {
        line("pad_value", &format!("{:08x}", geometry.pad_value.to_bits()));
        line("placement", &geometry.placement.word());
    }
    for (key, said) in [
        ("resize_dtype", manifest.resize_dtype.map(|kind| kind.word())),
        ("level_resample", manifest.tiling.level_resample.map(|rule| rule.word())),
        ("border", manifest.tiling.border.map(|rule| rule.word())),
        ("pad_before_norm", (!manifest.scaling.pad_before_norm).then_some("false")),
    ] {
        said.iter().for_each(|word| line(key, word));
    }
}

fn later_graph(manifest: &Manifest, line: &mut dyn FnMut(&str, &dyn fmt::Display)) {
    if manifest.tensor.channels != 3 {
        line("channels", &manifest.tensor.channels);
    }
    for output in manifest.outputs.iter().filter(|output| output.n != 1) {
        line("rows", &format!("{} {}", output.name, output.n));
    }
    for stage in &manifest.stages {
        line("stage", &format!("{} {}", stage.name, stage.file));
        for input in &stage.inputs {
            let (name, from, dtype) = (&input.name, &input.from, input.dtype.word());
            line("wire", &format!("{name} {from} {dtype} {:?}", input.shape));
        }
    }
    if let Some(file) = &manifest.post.center {
        line("center", file);
    }
    if let Some(rule) = manifest.search.late_interaction {
        line("late_interaction", &rule.word());
    }
}

fn of_text(text: &Text, line: &mut dyn FnMut(&str, &dyn fmt::Display)) {
    line("text_file", &text.file.as_deref().unwrap_or("stages"));
    line("ids", &format!("{} {}", text.ids_name, text.ids_dtype.word()));
    line("mask", &format!("{} {} {}", text.mask.word(), text.mask_name, text.mask_dtype.word()));
    line("tokenizer", &text.tokenizer.word());
    line("tokenizer_files", &text.tokenizer_files.join(","));
    line("lowercase", &text.lowercase);
    line("max_len", &text.max_len);
    line("pad_id", &text.pad_id);
    line("ends", &format!("{:?} {:?}", text.add_bos, text.add_eos));
    for Rewrite { from, to, padding } in &text.rewrite_ids {
        line("rewrite", &format!("{from} {to} {padding}"));
    }
    line("prompt", &text.prompt_template.as_deref().unwrap_or(""));
}

fn bits(values: Option<[f32; 3]>) -> String {
    let hex = |value: f32| format!("{:08x}", value.to_bits());
    values.map_or_else(|| "none".to_owned(), |all| all.map(hex).join(","))
}
