//! What happens to a picture before it is a tensor.

use serde::Deserialize;

use crate::vocabulary::{
    AlphaRule, BitDepth, Border, ColourRule, ExifOrient, GeometryRule, GreyToRgb, IccIntent,
    IccTarget, LevelPolicy, LevelResample, ModalityLut, Monochrome1, Placement, Rounding,
    ScalingBase, WindowAggregate, WindowRule,
};

/// How a file is decoded. Left out: as this program decodes, which is its default here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Source {
    /// The orientation tag.
    pub exif_orient: ExifOrient,
    /// Colours.
    pub color: ColourRule,
    /// One channel to three.
    pub grey_to_rgb: GreyToRgb,
    /// Transparency.
    pub alpha: AlphaRule,
    /// Bits of a sample.
    pub bit_depth: BitDepth,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            exif_orient: ExifOrient::Apply,
            color: ColourRule::Rgb,
            grey_to_rgb: GreyToRgb::Replicate,
            alpha: AlphaRule::OverWhite,
            bit_depth: BitDepth::Eight,
        }
    }
}

/// How the values of a DICOM picture become grey levels.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dicom {
    /// Stored values to the modality's own.
    pub modality_lut: ModalityLut,
    /// The modality's values to grey levels.
    pub window: WindowRule,
    /// Centre, for the window `fixed`.
    pub window_center: Option<f64>,
    /// Width, for the window `fixed`.
    pub window_width: Option<f64>,
    /// Lower and upper percentile, for the window `percentile`.
    pub window_percentiles: Option<[f64; 2]>,
    /// `[centre, width]` of several windows, each embedded.
    pub multi_window: Vec<[f64; 2]>,
    /// How their vectors become one.
    pub aggregate: WindowAggregate,
    /// MONOCHROME1.
    pub monochrome1: Monochrome1,
    /// To whole numbers.
    pub rounding: Rounding,
}

impl Default for Dicom {
    fn default() -> Self {
        Self {
            modality_lut: ModalityLut::On,
            window: WindowRule::DicomPs3,
            window_center: None,
            window_width: None,
            window_percentiles: None,
            multi_window: Vec::new(),
            aggregate: WindowAggregate::Mean,
            monochrome1: Monochrome1::MaxMinus,
            rounding: Rounding::Round,
        }
    }
}

/// Colour management.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Colour {
    /// The target space.
    pub icc: IccTarget,
    /// The way there.
    pub intent: IccIntent,
}

impl Default for Colour {
    fn default() -> Self {
        Self { icc: IccTarget::None, intent: IccIntent::Perceptual }
    }
}

/// How slides are cut for this model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tiling {
    /// Micrometres per pixel that it takes; empty: any.
    pub mpp: Vec<f64>,
    /// Micrometres per pixel where nobody says otherwise.
    pub default_mpp: f64,
    /// Share by which a slide's scale may differ from an entry of `mpp`.
    pub mpp_tolerance: f64,
    /// Side of a tile in pixels at that scale; 0: the network's own side.
    pub tile_px_at_mpp: u32,
    /// How a level is brought to the scale; left out: as the slide reader does.
    pub level_resample: Option<LevelResample>,
    /// Tiles beyond the edge; left out: as the slide reader does.
    pub border: Option<Border>,
    /// Which level is read.
    pub level_policy: LevelPolicy,
}

impl Default for Tiling {
    fn default() -> Self {
        Self {
            mpp: Vec::new(),
            default_mpp: 1.0,
            mpp_tolerance: 0.2,
            tile_px_at_mpp: 0,
            level_resample: None,
            border: None,
            level_policy: LevelPolicy::FinestNotCoarser,
        }
    }
}

/// Picture to the square that the network sees.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// Which rule.
    pub rule: GeometryRule,
    /// Side for `exact`, `squash`, `longest_then_pad` and `pad_square_then_resize`, in pixels.
    #[serde(default)]
    pub size_px: u32,
    /// Shortest side after the resize, for `shortest_then_center_crop` and `five_crop_mean`.
    #[serde(default)]
    pub resize_px: u32,
    /// Side of the crop, for those two and `center_crop_only`.
    #[serde(default)]
    pub crop_px: u32,
    /// What is filled in around, in each channel: a byte, or with `pad_before_norm = false` the
    /// tensor's own value.
    #[serde(default)]
    pub pad_value: f32,
    /// Where the picture lies in what is filled.
    #[serde(default = "centered")]
    pub placement: Placement,
}

fn centered() -> Placement {
    Placement::Center
}

impl Default for Geometry {
    fn default() -> Self {
        let placement = Placement::Center;
        let rule = GeometryRule::Exact;
        Self { rule, size_px: 0, resize_px: 0, crop_px: 0, pad_value: 0.0, placement }
    }
}

impl Geometry {
    /// Side of the network's input in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        match self.rule {
            GeometryRule::Exact
            | GeometryRule::Squash
            | GeometryRule::LongestThenPad
            | GeometryRule::PadSquareThenResize => self.size_px,
            GeometryRule::ShortestThenCenterCrop
            | GeometryRule::CenterCropOnly
            | GeometryRule::FiveCropMean => self.crop_px,
        }
    }

    /// Whether the rule resizes, so that it needs a kernel.
    #[must_use]
    pub fn resizes(&self) -> bool {
        !matches!(self.rule, GeometryRule::Exact | GeometryRule::CenterCropOnly)
    }

    /// Squares that one picture makes.
    #[must_use]
    pub fn views(&self) -> usize {
        if self.rule == GeometryRule::FiveCropMean { 5 } else { 1 }
    }
}

/// Bytes to floats.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// First step.
    pub base: ScalingBase,
    /// Subtracted from each channel after it.
    #[serde(default)]
    pub mean: Option<[f32; 3]>,
    /// Each channel is divided by it at last.
    #[serde(default)]
    pub std: Option<[f32; 3]>,
    /// Whether `pad_value` is a byte that is scaled with the picture; else it is the tensor's.
    #[serde(default = "yes")]
    pub pad_before_norm: bool,
}

pub(super) fn yes() -> bool {
    true
}

impl Default for Scaling {
    fn default() -> Self {
        Self { base: ScalingBase::None, mean: None, std: None, pad_before_norm: true }
    }
}
