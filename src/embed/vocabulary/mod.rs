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

mod graph;
mod picture;

pub use graph::{
    LateInteraction, Layout, Mask, OutputRole, ScoreDisplay, SearchMetric, Take, TensorType,
    Tokenizer, Use, WireType,
};
pub use picture::{
    AlphaRule, BitDepth, Border, ColourRule, ExifOrient, GeometryRule, GreyToRgb, IccIntent,
    IccTarget, Kernel, LevelPolicy, LevelResample, ModalityLut, Monochrome1, Placement,
    ResizeType, Rounding, ScalingBase, WindowAggregate, WindowRule,
};

words!(
    /// How vectors come about.
    ModelKind {
        /// ONNX graphs, run in this process.
        Onnx = "onnx",
        /// A container of Google's health models, called over HTTP.
        HttpVertex = "http_vertex",
        /// Another service, called over HTTP.
        HttpGeneric = "http_generic",
        /// Vectors come from files; pictures and text can't be embedded.
        Precomputed = "precomputed",
    }
);
words!(
    /// Numbers of the weights and of the arithmetic.
    Precision {
        /// 32-bit floats.
        Fp32 = "fp32",
        /// 16-bit floats.
        Fp16 = "fp16",
        /// 16-bit floats with the exponent of 32-bit ones.
        Bf16 = "bf16",
        /// 8-bit integers, as the graph itself quantises.
        Int8 = "int8",
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
    /// Whose requests and answers a model speaks over HTTP (models.md of Google's containers).
    VertexSchema {
        /// Patches of one picture: `patch_coordinates`, `patch_embeddings`.
        PathFoundation = "path_foundation",
        /// One picture: `input_bytes`, `embedding`.
        DermFoundation = "derm_foundation",
        /// A picture, a prompt, or both: `general_img_emb`, `contrastive_img_emb`.
        CxrFoundation = "cxr_foundation",
        /// `image` or `text`: `embedding` or `patch_embeddings`.
        Medsiglip = "medsiglip",
    }
);
words!(
    /// What a golden vector is the vector of.
    GoldenInput {
        /// The input tensor itself, before any preprocessing: element `i` of the flat tensor is
        /// `((i * 7919) mod 255) / 127.5 - 1`.
        Tensor7919 = "tensor_7919",
        /// A picture of 320 x 280 pixels (of the network's own size where the geometry is
        /// `exact`) whose byte `i` is `(i * 7919) mod 255`, through the whole recipe.
        Picture7919 = "picture_7919",
        /// A picture beside the manifest: a PPM file (P6, 255 levels), so that no decoder's
        /// rounding stands between.
        Picture = "picture",
        /// A text.
        Text = "text",
    }
);
words!(
    /// What becomes of a vector with a component that is not finite.
    Nonfinite {
        /// It is an error, at registration and at every call.
        Reject = "reject",
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
