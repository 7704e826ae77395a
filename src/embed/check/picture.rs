//! Geometry, scaling, tiling and windows that agree.

use vitrail_domain::Mpp;
use vitrail_domain::limits::MODEL_SIDE_MAX;

use crate::manifest::{Geometry, Manifest};
use crate::vocabulary::{GeometryRule, Kernel, Placement, WindowRule};

impl Manifest {
    pub(super) fn check_geometry(&self) -> Result<(), String> {
        let Geometry { rule, size_px, resize_px, crop_px, .. } = self.geometry;
        let good = |side: u32| (1..=MODEL_SIDE_MAX).contains(&side);
        let (fits, needs) = match rule {
            GeometryRule::Exact
            | GeometryRule::Squash
            | GeometryRule::LongestThenPad
            | GeometryRule::PadSquareThenResize => {
                (good(size_px) && resize_px == 0 && crop_px == 0, "size_px alone")
            }
            GeometryRule::CenterCropOnly => {
                (good(crop_px) && resize_px == 0 && size_px == 0, "crop_px alone")
            }
            GeometryRule::ShortestThenCenterCrop | GeometryRule::FiveCropMean => (
                good(resize_px) && good(crop_px) && crop_px <= resize_px && size_px == 0,
                "resize_px and a crop_px that is not larger",
            ),
        };
        if !fits {
            let rule = rule.word();
            return Err(format!("geometry {rule} takes {needs}, each 1 to {MODEL_SIDE_MAX}"));
        }
        self.check_kernel()?;
        self.check_padding()
    }

    fn check_kernel(&self) -> Result<(), String> {
        let rule = self.geometry.rule.word();
        match (self.geometry.resizes(), self.kernel) {
            (false, Some(_)) => {
                Err(format!("geometry {rule} resamples nothing: leave kernel out"))
            }
            (false, None) if self.resize_dtype.is_some() => {
                Err(format!("geometry {rule} resamples nothing: leave resize_dtype out"))
            }
            (false, None) | (true, Some(_)) => Ok(()),
            (true, None) => {
                let known: Vec<_> = Kernel::ALL.iter().map(|kernel| kernel.word()).collect();
                Err(format!("kernel is missing: one of {}", known.join(", ")))
            }
        }
    }

    fn check_padding(&self) -> Result<(), String> {
        let Geometry { rule, pad_value, placement, .. } = self.geometry;
        let pads = matches!(rule, GeometryRule::LongestThenPad | GeometryRule::PadSquareThenResize);
        if !pads && (pad_value != 0.0 || placement != Placement::Center) {
            return Err(format!("geometry {} fills nothing: leave pad_value out", rule.word()));
        }
        if !self.scaling.pad_before_norm && rule != GeometryRule::LongestThenPad {
            return Err("pad_before_norm = false goes with longest_then_pad".to_owned());
        }
        let byte = pad_value.fract() == 0.0 && (0.0..=255.0).contains(&pad_value);
        if !pad_value.is_finite() || self.scaling.pad_before_norm && !byte {
            return Err("geometry.pad_value is a whole number from 0 to 255".to_owned());
        }
        Ok(())
    }

    pub(super) fn check_scaling(&self) -> Result<(), String> {
        let numbers = self.scaling.mean.iter().chain(&self.scaling.std).flatten();
        let zero = self.scaling.std.iter().flatten().any(|&divisor| divisor == 0.0);
        if zero || numbers.into_iter().any(|number| !number.is_finite()) {
            return Err("scaling.mean and std must be finite, and std not zero".to_owned());
        }
        Ok(())
    }

    pub(super) fn check_tiling(&self) -> Result<(), String> {
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

    pub(super) fn check_dicom(&self) -> Result<(), String> {
        let dicom = &self.dicom;
        let width = |width: f64| width.is_finite() && width >= 1.0;
        let fixed = match (dicom.window_center, dicom.window_width) {
            (Some(centre), Some(wide)) => centre.is_finite() && width(wide),
            (None, None) => dicom.window != WindowRule::Fixed,
            _ => false,
        };
        let percentiles = match dicom.window_percentiles {
            Some([low, high]) => 0.0 <= low && low < high && high <= 100.0,
            None => dicom.window != WindowRule::Percentile,
        };
        let several =
            dicom.multi_window.iter().all(|[centre, wide]| centre.is_finite() && width(*wide));
        if fixed && percentiles && several {
            return Ok(());
        }
        Err("dicom: the window fixed takes window_center and window_width (from 1), percentile \
             takes window_percentiles [low, high], multi_window lists [centre, width]"
            .to_owned())
    }
}
