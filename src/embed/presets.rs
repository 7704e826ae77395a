//! Manifests that come with the program: the default models, and recipes of models whose weights
//! only their users can bring.

use crate::error::EmbedError;
use crate::manifest::Manifest;

/// One preset: a manifest without files, or the default models' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// The model's name.
    pub name: &'static str,
    /// The manifest's text.
    pub text: &'static str,
}

macro_rules! preset {
    ($name:literal) => {
        Preset { name: $name, text: include_str!(concat!("presets/", $name, ".toml")) }
    };
}

impl Preset {
    /// Every preset, the default model first.
    pub const ALL: &'static [Self] = &[
        preset!("efficientnet-lite0"),
        preset!("efficientnet-lite0-mid"),
        preset!("path-foundation"),
        preset!("uni"),
        preset!("medsiglip-448"),
    ];

    /// The manifest.
    ///
    /// # Errors
    /// Never for the presets of this list: a test reads each.
    pub fn manifest(&self) -> Result<Manifest, EmbedError> {
        Manifest::parse(self.text, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Verified;

    #[test]
    fn each_preset_is_a_manifest_of_its_name() {
        for preset in Preset::ALL {
            let manifest = preset.manifest().expect(preset.name);
            assert_eq!(manifest.name(), preset.name);
            // Weights that we could not run are never called golden.
            let bound = !manifest.files.is_empty();
            assert_eq!(
                bound,
                manifest.verification.verified == Verified::Golden,
                "{}",
                preset.name
            );
        }
    }
}
