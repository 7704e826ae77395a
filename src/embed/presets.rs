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
        preset!("derm-foundation"),
        preset!("cxr-elixr-v2"),
        preset!("medsiglip-448"),
        preset!("medsiglip-448-container"),
        preset!("medsiglip-448-paper"),
        preset!("path-foundation-http"),
        preset!("derm-foundation-http"),
        preset!("cxr-elixr-v2-http"),
        preset!("medsiglip-448-http"),
        preset!("uni"),
        preset!("uni2-h"),
        preset!("conch-v1"),
        preset!("conch-v1-5"),
        preset!("virchow"),
        preset!("virchow2"),
        preset!("phikon"),
        preset!("phikon-v2"),
        preset!("h-optimus-0"),
        preset!("h-optimus-1"),
        preset!("h0-mini"),
        preset!("prov-gigapath"),
        preset!("hibou-l"),
        preset!("hibou-b"),
        preset!("ctranspath"),
        preset!("gpfm"),
        preset!("kaiko-vits8"),
        preset!("kaiko-vitb16"),
        preset!("kaiko-vitl14"),
        preset!("midnight-12k"),
        preset!("openmidnight"),
        preset!("genbio-pathfm"),
        preset!("lunit-vits8"),
        preset!("musk"),
        preset!("keep"),
        preset!("plip"),
        preset!("resnet50-in1k"),
        preset!("dinov2-base"),
        preset!("dinov2-large"),
        preset!("dinov3-vitb16"),
        preset!("dinov3-vitl16-sat"),
        preset!("panderm-base"),
        preset!("panderm-large"),
        preset!("dermlip-vitb16"),
        preset!("dermlip-panderm"),
        preset!("monet"),
        preset!("rad-dino"),
        preset!("biomedclip"),
        preset!("medimageinsight"),
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
