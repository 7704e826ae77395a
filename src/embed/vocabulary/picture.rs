//! Words of what happens to a picture before it is a tensor.

use serde::Deserialize;

words!(
    /// What becomes of a photograph's orientation tag.
    ExifOrient {
        /// The picture is turned upright.
        Apply = "apply",
        /// The tag is not looked at.
        Ignore = "ignore",
    }
);
words!(
    /// Colours that the network was trained on.
    ColourRule {
        /// Red, green, blue.
        Rgb = "rgb",
        /// Luminance (ITU-R 601, as Pillow's `L`).
        Grey = "grey",
    }
);
words!(
    /// How a grey picture gets three channels.
    GreyToRgb {
        /// The one channel, three times.
        Replicate = "replicate",
    }
);
words!(
    /// What becomes of transparency.
    AlphaRule {
        /// The channel is left out.
        Drop = "drop",
        /// The picture is laid over white.
        OverWhite = "over_white",
        /// A transparent picture is refused.
        Error = "error",
    }
);
words!(
    /// Bits of a sample when the recipe begins.
    BitDepth {
        /// 8.
        Eight = "8",
        /// 16.
        Sixteen = "16",
        /// As the file has them.
        Native = "native",
    }
);
words!(
    /// Whether a DICOM picture's modality LUT is applied.
    ModalityLut {
        /// It is.
        On = "on",
        /// Stored values are taken.
        Off = "off",
    }
);
words!(
    /// How the values of a DICOM picture become grey levels.
    WindowRule {
        /// As they are.
        None = "none",
        /// The file's own window by PS3.3 C.11.2.1.2.
        DicomPs3 = "dicom_ps3",
        /// The file's own window with the two faults of CXR Foundation's client.
        GoogleCxrLegacy = "google_cxr_legacy",
        /// `window_center` and `window_width` of this manifest.
        Fixed = "fixed",
        /// Smallest to largest value.
        Minmax = "minmax",
        /// A share of the values is cut off at both ends.
        Percentile = "percentile",
    }
);
words!(
    /// How the vectors of several windows become one.
    WindowAggregate {
        /// Their mean.
        Mean = "mean",
    }
);
words!(
    /// How MONOCHROME1 is turned.
    Monochrome1 {
        /// The largest value of the picture less each value.
        MaxMinus = "max_minus",
        /// All bits of a value turned.
        BitwiseInvert = "bitwise_invert",
    }
);
words!(
    /// How a windowed value becomes a whole number.
    Rounding {
        /// To the nearest.
        Round = "round",
        /// Down.
        Floor = "floor",
    }
);
words!(
    /// The colour space that pixels are brought into by the file's own ICC profile.
    IccTarget {
        /// Numbers are taken as they stand.
        None = "none",
        /// sRGB.
        Srgb = "srgb",
        /// Adobe RGB (1998).
        Adobergb = "adobergb",
        /// ROMM RGB (ProPhoto).
        Rommrgb = "rommrgb",
        /// Display P3.
        Displayp3 = "displayp3",
    }
);
words!(
    /// How colours outside the target are brought in.
    IccIntent {
        /// Perceptual.
        Perceptual = "perceptual",
    }
);
words!(
    /// How a slide's level is brought to the model's scale.
    LevelResample {
        /// OpenCV's area average.
        Area = "area",
        /// OpenCV's cubic.
        Cubic = "cubic",
        /// Pillow's Lanczos.
        Lanczos = "lanczos",
    }
);
words!(
    /// What becomes of a tile that reaches beyond the slide.
    Border {
        /// It is left out.
        Error = "error",
        /// White outside.
        White = "white",
        /// Black outside.
        Black = "black",
    }
);
words!(
    /// Which level of a slide is read.
    LevelPolicy {
        /// The coarsest that is not coarser than the target.
        FinestNotCoarser = "finest_not_coarser",
    }
);
words!(
    /// How a picture becomes the square that the network sees.
    GeometryRule {
        /// The picture must have the size already; any other is an error.
        Exact = "exact",
        /// Both sides are resized to `size_px`, whatever the aspect.
        Squash = "squash",
        /// The shortest side becomes `resize_px`, then the centre `crop_px` square is cut
        /// (torchvision's `Resize` and `CenterCrop`, with their rounding).
        ShortestThenCenterCrop = "shortest_then_center_crop",
        /// The longest side becomes `size_px`, the rest is filled (open_clip's `longest`).
        LongestThenPad = "longest_then_pad",
        /// Filled to a square, then resized to `size_px`.
        PadSquareThenResize = "pad_square_then_resize",
        /// The centre `crop_px` square is cut; a smaller picture is filled with black around
        /// (torchvision's `CenterCrop`).
        CenterCropOnly = "center_crop_only",
        /// The shortest side becomes `resize_px`; four corners and the centre of `crop_px` are
        /// embedded, and the mean of the five vectors taken (torchvision's `FiveCrop`).
        FiveCropMean = "five_crop_mean",
    }
);
words!(
    /// Where the picture lies in the square that is filled around it.
    Placement {
        /// In the middle; an odd pixel more is right and below.
        Center = "center",
        /// The filling is right and below.
        BottomRight = "bottom_right",
    }
);
words!(
    /// The resampling filter.
    Kernel {
        /// Pillow's triangle, with antialias.
        Bilinear = "pil_bilinear",
        /// Pillow's cubic (Keys, a = -0.5), with antialias.
        Bicubic = "pil_bicubic",
        /// Pillow's windowed sinc, support 3, with antialias.
        Lanczos = "pil_lanczos",
        /// The nearest pixel, as Pillow takes it.
        Nearest = "pil_nearest",
        /// TensorFlow 1's `resize_bilinear`: no half-pixel centres, no antialias.
        Tf1Bilinear = "tf1_bilinear_legacy",
        /// TensorFlow 2's `tf.image.resize(bilinear, antialias=False)`.
        Tf2Bilinear = "tf2_bilinear_noaa",
        /// OpenCV's `INTER_AREA`.
        CvArea = "cv_area",
        /// OpenCV's `INTER_CUBIC` (a = -0.75, no antialias).
        CvCubic = "cv_cubic",
    }
);
words!(
    /// Numbers that come out of the resize.
    ResizeType {
        /// Bytes: rounded as the library of the kernel rounds (TensorFlow's floats are cut off as
        /// NumPy's `astype(uint8)` does).
        U8 = "u8",
        /// Floats, not rounded.
        F32 = "f32",
    }
);
words!(
    /// How 8-bit values become floats, before `mean` and `std`.
    ScalingBase {
        /// `x / 255`.
        U8_255 = "u8_255",
        /// `x` by the largest value of its type: 255, since pictures are read as 8 bits.
        DtypeMax = "dtype_max",
        /// `x / 127.5 - 1`.
        Signed127_5 = "signed_127_5",
        /// `(x - min) / (max - min)` over the preprocessed picture; 0 where it is flat.
        PerImageMinmax = "per_image_minmax",
        /// The value itself, 0 to 255.
        None = "none",
    }
);
