//! Text to token numbers, by the rules of a manifest's text tower.

mod bpe;
mod sentencepiece;
#[cfg(test)]
mod tests;
mod wordpiece;

use std::path::Path;

use serde_json::{Value, json};
use tokenizers::Tokenizer as Library;
use vitrail_domain::limits::{TEXT_BYTES_MAX, TOKENIZER_BYTES_MAX};

use crate::manifest::{Rewrite, Text};
use crate::vocabulary::{Mask, Tokenizer};

/// Token numbers and mask of one text, `max_len` each; whole numbers as floats, which hold each of
/// them exactly (vocabularies are far below 2^24).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tokens {
    pub ids: Vec<f32>,
    pub mask: Vec<f32>,
}

/// A tokenizer and the rules around it.
pub(crate) struct Tokenization {
    library: Library,
    text: Text,
}

impl Tokenization {
    /// Reads the tokenizer's files from the model's folder.
    ///
    /// # Errors
    /// A file that can't be read or is no such tokenizer, in words.
    pub(crate) fn load(folder: &Path, text: &Text) -> Result<Self, String> {
        let mut files = Vec::new();
        for name in &text.tokenizer_files {
            let path = folder.join(name);
            let of = |error: std::io::Error| format!("reading {name}: {error}");
            let bytes = std::fs::metadata(&path).map_err(of)?.len();
            if bytes > TOKENIZER_BYTES_MAX {
                return Err(format!("{name} has {bytes} bytes, more than {TOKENIZER_BYTES_MAX}"));
            }
            files.push(std::fs::read(&path).map_err(of)?);
        }
        let mut library = library(text, &files)?;
        // Cutting and filling are the manifest's, whatever a file says.
        library.with_truncation(None).map_err(|error| error.to_string())?;
        library.with_padding(None);
        Ok(Self { library, text: text.clone() })
    }

    /// The numbers of a text.
    ///
    /// # Errors
    /// A text above `TEXT_BYTES_MAX`, or one that the tokenizer refuses.
    pub(crate) fn encode(&self, text: &str) -> Result<Tokens, String> {
        if text.len() > TEXT_BYTES_MAX {
            let bytes = text.len();
            return Err(format!("a text of {bytes} bytes, more than {TEXT_BYTES_MAX}"));
        }
        let text = match &self.text.prompt_template {
            Some(prompt) => prompt.replacen("{}", text, 1),
            None => text.to_owned(),
        };
        // BERT's tokenizer lowers case itself, around its special pieces.
        let lowers = self.text.lowercase && self.text.tokenizer != Tokenizer::Wordpiece;
        let text = if lowers { text.to_lowercase() } else { text };
        let encoded = self.library.encode(text, false).map_err(|error| error.to_string())?;
        Ok(frame(&self.text, encoded.get_ids()))
    }
}

fn library(text: &Text, files: &[Vec<u8>]) -> Result<Library, String> {
    let document = match (text.tokenizer, files) {
        (Tokenizer::Wordpiece, [vocabulary]) => wordpiece::document(vocabulary, text.lowercase)?,
        (Tokenizer::Bpe, [vocabulary, merges]) => bpe::document(vocabulary, merges)?,
        (Tokenizer::Sentencepiece, [model]) => sentencepiece::document(model)?,
        (Tokenizer::TokenizerJson, [json]) => {
            return Library::from_bytes(json).map_err(|error| error.to_string());
        }
        (kind, files) => {
            return Err(format!("{} does not take {} files", kind.word(), files.len()));
        }
    };
    // The library's own format is its one face that stays: its builders change with each version.
    Library::from_bytes(document.to_string()).map_err(|error| error.to_string())
}

/// A piece that is taken whole where a text spells it.
fn special(number: usize, piece: &str) -> Value {
    json!({
        "id": number, "content": piece, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true,
    })
}

/// Cuts, puts the ends on, fills up, masks, rewrites.
fn frame(text: &Text, ids: &[u32]) -> Tokens {
    let ends = text.add_bos.iter().chain(&text.add_eos).count();
    let kept = ids.iter().copied().take(text.max_len.saturating_sub(ends));
    let mut all: Vec<u32> = text.add_bos.into_iter().chain(kept).chain(text.add_eos).collect();
    let said = all.len();
    all.resize(text.max_len, text.pad_id);
    let mut is_padding: Vec<bool> = (0..all.len()).map(|at| at >= said).collect();
    for (id, is_padding) in all.iter_mut().zip(&mut is_padding) {
        if let Some(Rewrite { to, padding, .. }) =
            text.rewrite_ids.iter().find(|rewrite| rewrite.from == *id)
        {
            *id = *to;
            *is_padding |= *padding;
        }
    }
    let mask = |padding: bool| match text.mask {
        Mask::InvertedPadding => f32::from(u8::from(padding)),
        Mask::None | Mask::Attention => f32::from(u8::from(!padding)),
    };
    Tokens {
        ids: all.iter().map(|&id| id as f32).collect(),
        mask: is_padding.into_iter().map(mask).collect(),
    }
}
