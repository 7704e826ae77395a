//! The words of a manifest: each enum is one field's closed list of values.

use serde::Deserialize;
use vitrail_domain::Metric;

/// Declares an enum whose variants are the values of one manifest field.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
        pub enum $type {
            $($(#[$what])* #[serde(rename = $word)] $variant,)*
        }

        impl $type {
            /// Every value, in the order in which documents list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value as a manifest writes it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words!(
    /// How vectors come about.
    ModelKind {
        /// One ONNX graph, run in this process.
        Onnx = "onnx",
    }
);
words!(
    /// Numbers of the weights and of the arithmetic.
    Precision {
        /// 32-bit floats.
        Fp32 = "fp32",
        /// 16-bit floats.
        Fp16 = "fp16",
    }
);
words!(
    /// How far this manifest has been proved.
    Verified {
        /// Golden inputs give golden vectors, on the very files that the manifest names.
        Golden = "golden",
        /// A graph of the same names and shapes was run; the real weights were not.
        Structure = "structure",
        /// Written from published sources; nothing was run.
        Unverified = "unverified",
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
    }
);
words!(
    /// The resampling filter: Pillow's, with antialias, in 8-bit fixed point.
    Kernel {
        /// Triangle, support 1.
        Bilinear = "pil_bilinear",
        /// Keys' cubic with a = -0.5, support 2.
        Bicubic = "pil_bicubic",
        /// Windowed sinc, support 3.
        Lanczos = "pil_lanczos",
        /// The nearest pixel, no antialias.
        Nearest = "pil_nearest",
    }
);
words!(
    /// How 8-bit values become floats, before `mean` and `std`.
    ScalingBase {
        /// `x / 255`.
        U8_255 = "u8_255",
        /// `x / 127.5 - 1`.
        Signed127_5 = "signed_127_5",
        /// `(x - min) / (max - min)` over the preprocessed picture; 0 where it is flat.
        PerImageMinmax = "per_image_minmax",
        /// The value itself, 0 to 255.
        None = "none",
    }
);
words!(
    /// The order of the input tensor's axes.
    Layout {
        /// `[batch, 3, height, width]`.
        Nchw = "nchw",
        /// `[batch, height, width, 3]`.
        Nhwc = "nhwc",
    }
);
words!(
    /// Numbers of the input tensor.
    TensorType {
        /// 32-bit floats.
        F32 = "f32",
    }
);
words!(
    /// How the named output becomes one vector.
    Take {
        /// `[batch, dim]`, as it is.
        Vector = "vector",
        /// `[batch, dim]`, the pooled output of a transformer.
        Pooler = "pooler",
        /// `[batch, tokens, dim]`: token 0.
        Cls = "cls",
        /// `[batch, tokens, dim]`: the mean of the tokens after the prefix.
        MeanPatch = "mean_patch",
        /// `[batch, tokens, dim / 2]`: token 0, then the mean of the tokens after the prefix.
        ClsConcatMeanPatch = "cls_concat_mean_patch",
        /// `[batch, dim, height, width]`: the mean over height and width.
        GapNchw = "gap_nchw",
        /// `[batch, height, width, dim]`: the mean over height and width.
        GapNhwc = "gap_nhwc",
    }
);
words!(
    /// What an output says.
    OutputRole {
        /// The picture's vector.
        Image = "image",
    }
);
words!(
    /// How vectors of this model are compared.
    SearchMetric {
        /// Angle.
        Cosine = "cosine",
        /// Inner product.
        Dot = "dot",
        /// Euclidean distance.
        L2 = "l2",
    }
);
words!(
    /// A made input that needs no file, so that a golden vector fits into a manifest.
    GoldenInput {
        /// The input tensor itself, before any preprocessing: element `i` of the flat tensor is
        /// `((i * 7919) mod 255) / 127.5 - 1`.
        Tensor7919 = "tensor_7919",
        /// A picture of 320 x 280 pixels (of the network's own size where the geometry is
        /// `exact`) whose byte `i` is `(i * 7919) mod 255`, through the whole recipe.
        Picture7919 = "picture_7919",
    }
);

impl From<SearchMetric> for Metric {
    fn from(metric: SearchMetric) -> Self {
        match metric {
            SearchMetric::Cosine => Self::Cosine,
            SearchMetric::Dot => Self::Dot,
            SearchMetric::L2 => Self::Euclid,
        }
    }
}
