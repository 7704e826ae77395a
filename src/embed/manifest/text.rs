//! The text tower: text to token numbers to a graph.

use serde::Deserialize;

use crate::vocabulary::{Mask, Tokenizer, WireType};

/// How text becomes a vector of the same space as the pictures'.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// The graph, one of `files`; left out where a linked stage takes the tokens.
    #[serde(default)]
    pub file: Option<String>,
    /// The graph's input for token numbers.
    #[serde(default)]
    pub ids_name: String,
    /// Its numbers.
    #[serde(default = "long")]
    pub ids_dtype: WireType,
    /// The graph's input for the mask, unless `mask` is `none`.
    #[serde(default)]
    pub mask_name: String,
    /// Its numbers.
    #[serde(default = "long")]
    pub mask_dtype: WireType,
    /// The family.
    pub tokenizer: Tokenizer,
    /// Its files, each one of `files`: `vocab.txt`; `vocab.json` and `merges.txt`; `spiece.model`;
    /// `tokenizer.json`.
    #[serde(default)]
    pub tokenizer_files: Vec<String>,
    /// Whether text is lower-cased first.
    #[serde(default)]
    pub lowercase: bool,
    /// Tokens of every text: longer ones are cut, shorter ones padded.
    pub max_len: usize,
    /// The token that fills up.
    pub pad_id: u32,
    /// The token in front.
    #[serde(default)]
    pub add_bos: Option<u32>,
    /// The token behind; a text that is cut still ends with it.
    #[serde(default)]
    pub add_eos: Option<u32>,
    /// Tokens that are replaced at last.
    #[serde(default)]
    pub rewrite_ids: Vec<Rewrite>,
    /// What the graph is told of padding.
    pub mask: Mask,
    /// A sentence with `{}` where the text goes.
    #[serde(default)]
    pub prompt_template: Option<String>,
}

fn long() -> WireType {
    WireType::I64
}

/// One token that is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// This one.
    pub from: u32,
    /// By this one.
    pub to: u32,
    /// Whether its place then counts as padding.
    #[serde(default)]
    pub padding: bool,
}
