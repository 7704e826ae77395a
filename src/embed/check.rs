//! What a manifest must hold beyond its words: fields that agree, numbers within bounds.

use std::path::{Component, Path};

use vitrail_domain::limits::{
    DIM_MAX, EMBED_BATCH_MAX, MODEL_FILES_MAX, MODEL_SIDE_MAX, NAME_BYTES_MAX,
};
use vitrail_domain::{Dim, Mpp};

use crate::manifest::{Geometry, Manifest, TensorSpec, Verification};
use crate::vocabulary::{GeometryRule, Kernel, OutputRole, Take, Verified};

impl Manifest {
    /// The first contradiction, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_name()?;
        self.check_files()?;
        self.check_geometry()?;
        self.check_scaling()?;
        self.check_tiling()?;
        self.check_tensor()?;
        self.check_golden()
    }

    fn check_name(&self) -> Result<(), String> {
        let name = &self.identity.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.len() <= NAME_BYTES_MAX && name.chars().all(plain) {
            return Ok(());
        }
        Err(format!(
            "identity.name is {name:?}: 1 to {NAME_BYTES_MAX} of a-z, 0-9, '-', '_', '.', \
             beginning with a letter or digit"
        ))
    }

    fn check_files(&self) -> Result<(), String> {
        if self.files.len() > MODEL_FILES_MAX {
            return Err(format!("files: {} where {MODEL_FILES_MAX} are allowed", self.files.len()));
        }
        for file in &self.files {
            let path = Path::new(&file.path);
            let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
            if file.path.is_empty() || !inside {
                return Err(format!("files.path {:?} leaves the model's folder", file.path));
            }
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if file.sha256.len() != 64 || !file.sha256.chars().all(hex) {
                return Err(format!(
                    "files.sha256 of {} is not 64 lower-case hex digits",
                    file.path
                ));
            }
        }
        Ok(())
    }

    fn check_geometry(&self) -> Result<(), String> {
        let Geometry { rule, size_px, resize_px, crop_px } = self.geometry;
        let good = |side: u32| (1..=MODEL_SIDE_MAX).contains(&side);
        let (fits, needs) = match rule {
            GeometryRule::Exact | GeometryRule::Squash => {
                (good(size_px) && resize_px == 0 && crop_px == 0, "size_px alone")
            }
            GeometryRule::ShortestThenCenterCrop => (
                good(resize_px) && good(crop_px) && crop_px <= resize_px && size_px == 0,
                "resize_px and a crop_px that is not larger",
            ),
        };
        if !fits {
            let rule = rule.word();
            return Err(format!("geometry {rule} takes {needs}, each 1 to {MODEL_SIDE_MAX}"));
        }
        match (rule, self.kernel) {
            (GeometryRule::Exact, Some(_)) => {
                Err("geometry exact resamples nothing: leave kernel out".to_owned())
            }
            (GeometryRule::Exact, None) | (_, Some(_)) => Ok(()),
            (_, None) => {
                let known: Vec<_> = Kernel::ALL.iter().map(|kernel| kernel.word()).collect();
                Err(format!("kernel is missing: one of {}", known.join(", ")))
            }
        }
    }

    fn check_scaling(&self) -> Result<(), String> {
        let numbers = self.scaling.mean.iter().chain(&self.scaling.std).flatten();
        let zero = self.scaling.std.iter().flatten().any(|&divisor| divisor == 0.0);
        if zero || numbers.into_iter().any(|number| !number.is_finite()) {
            return Err("scaling.mean and std must be finite, and std not zero".to_owned());
        }
        Ok(())
    }

    fn check_tiling(&self) -> Result<(), String> {
        let tiling = &self.tiling;
        for &mpp in tiling.mpp.iter().chain([&tiling.default_mpp]) {
            Mpp::new(mpp).map_err(|error| format!("tiling: {error}"))?;
        }
        if !(0.0..=1.0).contains(&tiling.mpp_tolerance) || tiling.tile_px_at_mpp > MODEL_SIDE_MAX {
            return Err(format!(
                "tiling: mpp_tolerance is 0 to 1, tile_px_at_mpp at most {MODEL_SIDE_MAX}"
            ));
        }
        Ok(())
    }

    fn check_tensor(&self) -> Result<(), String> {
        let TensorSpec { fixed_batch, max_batch, .. } = self.tensor;
        if !(1..=EMBED_BATCH_MAX).contains(&max_batch) || fixed_batch > EMBED_BATCH_MAX {
            return Err(format!("tensor: batches are of 1 to {EMBED_BATCH_MAX} pictures"));
        }
        let images: Vec<_> = self.outputs.iter().filter(|o| o.role == OutputRole::Image).collect();
        let [output] = images.as_slice() else {
            return Err(format!("outputs: {} have the role image, one must", images.len()));
        };
        Dim::new(output.dim).map_err(|error| format!("outputs: {error}, at most {DIM_MAX}"))?;
        if output.take == Take::ClsConcatMeanPatch && output.dim % 2 == 1 {
            return Err("outputs: cls_concat_mean_patch makes an even dim".to_owned());
        }
        Ok(())
    }

    fn check_golden(&self) -> Result<(), String> {
        let Verification { verified, golden } = &self.verification;
        if (*verified == Verified::Golden) == golden.is_empty() {
            return Err("verification: \"golden\" and a golden entry go together".to_owned());
        }
        let dim = self.image_output().map_or(0, |output| output.dim);
        for one in golden {
            let finite = one.prefix.iter().all(|value| value.is_finite());
            let length = one.norm.is_finite() && one.norm > 0.0;
            let share = one.tolerance > 0.0 && one.tolerance <= 0.05;
            if one.prefix.is_empty() || one.prefix.len() > dim || !finite || !length || !share {
                return Err(format!(
                    "verification.golden {}: 1 to {dim} finite prefix values, a norm above 0, a \
                     tolerance above 0 and up to 0.05",
                    one.input.word()
                ));
            }
        }
        Ok(())
    }
}
