//! The contract: one hash of everything in a manifest that changes numbers.

use std::fmt;

use crate::manifest::Manifest;

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
    text
}

fn bits(values: Option<[f32; 3]>) -> String {
    let hex = |value: f32| format!("{:08x}", value.to_bits());
    values.map_or_else(|| "none".to_owned(), |all| all.map(hex).join(","))
}
