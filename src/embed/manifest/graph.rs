//! Graphs: what goes in, what comes out, how it is compared.

use serde::Deserialize;

use super::picture::yes;
use crate::vocabulary::{
    LateInteraction, Layout, OutputRole, ScoreDisplay, SearchMetric, Take, TensorType, Use,
    WireType,
};

/// The graph's input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Order of the axes.
    pub layout: Layout,
    /// 3, or 1: luminance.
    #[serde(default = "three")]
    pub channels: usize,
    /// Numbers.
    pub dtype: TensorType,
    /// The input's name in the graph.
    pub input_name: String,
    /// Pictures of every call where the graph is fixed to a number; 0: any number.
    #[serde(default)]
    pub fixed_batch: usize,
    /// Pictures of one call at most.
    #[serde(default = "sixteen")]
    pub max_batch: usize,
}

fn three() -> usize {
    3
}

fn sixteen() -> usize {
    16
}

impl Default for TensorSpec {
    fn default() -> Self {
        Self {
            layout: Layout::Nchw,
            channels: three(),
            dtype: TensorType::F32,
            input_name: String::new(),
            fixed_batch: 0,
            max_batch: sixteen(),
        }
    }
}

/// One output of the last graph (of the text graph, for the role `text`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name in the graph.
    pub name: String,
    /// What it says.
    pub role: OutputRole,
    /// How it becomes one vector, or many.
    pub take: Take,
    /// Class token and registers in front of the patches.
    #[serde(default = "one_token")]
    pub prefix_tokens: usize,
    /// Components of the vector, or of each of many.
    pub dim: usize,
    /// Vectors of one picture, for `multi_vector`.
    #[serde(default = "one_token")]
    pub n: usize,
    /// Its axes after the batch, where they should be checked.
    #[serde(default)]
    pub shape: Vec<usize>,
    /// What it is taken for where nobody says otherwise.
    #[serde(default)]
    pub default_for: Option<Use>,
}

fn one_token() -> usize {
    1
}

impl Output {
    /// Numbers of one picture: all of its rows.
    #[must_use]
    pub fn values(&self) -> usize {
        self.n * self.dim
    }
}

/// One graph of several that are linked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How other stages name it.
    pub name: String,
    /// The graph, one of `files`.
    pub file: String,
    /// Pictures of every call where the graph is fixed to a number; 0: any number.
    #[serde(default)]
    pub fixed_batch: usize,
    /// All of its inputs.
    pub inputs: Vec<StageInput>,
    /// Outputs that later stages take.
    #[serde(default)]
    pub outputs: Vec<String>,
}

/// One input of a stage.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageInput {
    /// Its name in the graph.
    pub name: String,
    /// `pixels`, `token_ids`, `token_mask`, or `STAGE.OUTPUT` of an earlier stage. Zeros where that
    /// side is absent.
    pub from: String,
    /// Numbers.
    #[serde(default = "floats")]
    pub dtype: WireType,
    /// Axes after the batch; may be left out for `pixels`.
    #[serde(default)]
    pub shape: Vec<usize>,
}

fn floats() -> WireType {
    WireType::F32
}

/// After the graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Post {
    /// Whether the projection into the shared space is part of the graph; one that is not can't be
    /// served.
    pub projection_in_graph: bool,
    /// A file of little-endian 32-bit floats, one of `files`: subtracted from each vector.
    pub center: Option<String>,
    /// Scale the vector to length 1.
    pub l2_normalize: bool,
    /// A hint: no component is negative, so cosines are all positive.
    pub nonnegative: bool,
}

impl Default for Post {
    fn default() -> Self {
        Self {
            projection_in_graph: yes(),
            center: None,
            l2_normalize: false,
            nonnegative: false,
        }
    }
}

/// How vectors of this model are compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Distance.
    pub metric: SearchMetric,
    /// How many vectors of one picture are compared.
    #[serde(default)]
    pub late_interaction: Option<LateInteraction>,
    /// Factor of the cosine in the model's own probability.
    #[serde(default)]
    pub logit_scale: Option<f64>,
    /// Added to it.
    #[serde(default)]
    pub logit_bias: Option<f64>,
    /// What people are shown.
    #[serde(default = "percentiles")]
    pub score_display: ScoreDisplay,
}

fn percentiles() -> ScoreDisplay {
    ScoreDisplay::Percentile
}
