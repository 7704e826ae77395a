//! A text tower that can be run.

use vitrail_domain::limits::TEXT_TOKENS_MAX;

use crate::manifest::{Manifest, Text};
use crate::vocabulary::{Mask, Tokenizer};

impl Manifest {
    pub(super) fn check_text(&self) -> Result<(), String> {
        let Some(text) = &self.text else {
            return match self.text_output() {
                None => Ok(()),
                Some(_) => Err("an output has the role text, and text is missing".to_owned()),
            };
        };
        if self.text_output().is_none() {
            return Err("text is there, and no output has the role text".to_owned());
        }
        for file in text.tokenizer_files.iter().chain(&text.file) {
            self.check_named("text", file)?;
        }
        self.check_wiring(text)?;
        check_tokens(text)
    }

    fn check_wiring(&self, text: &Text) -> Result<(), String> {
        let staged = !self.stages.is_empty();
        if staged != text.file.is_none() {
            return Err("text.file goes with a model without stages".to_owned());
        }
        let masked = text.mask != Mask::None;
        if !staged && (text.ids_name.is_empty() || masked == text.mask_name.is_empty()) {
            return Err("text takes ids_name, and mask_name unless mask is none".to_owned());
        }
        Ok(())
    }
}

fn check_tokens(text: &Text) -> Result<(), String> {
    if !(1..=TEXT_TOKENS_MAX).contains(&text.max_len) {
        return Err(format!("text.max_len is 1 to {TEXT_TOKENS_MAX}"));
    }
    let ends = text.add_bos.iter().chain(&text.add_eos).count();
    if text.max_len <= ends {
        return Err("text.max_len leaves no room for a token".to_owned());
    }
    if text.prompt_template.as_ref().is_some_and(|prompt| !prompt.contains("{}")) {
        return Err("text.prompt_template has no {} for the text".to_owned());
    }
    let wanted = match text.tokenizer {
        Tokenizer::Bpe => 2,
        Tokenizer::Wordpiece | Tokenizer::Sentencepiece | Tokenizer::TokenizerJson => 1,
    };
    match text.tokenizer_files.len() == wanted {
        true => Ok(()),
        false => Err(format!(
            "text.tokenizer_files: {} takes {wanted}, not {}",
            text.tokenizer.word(),
            text.tokenizer_files.len()
        )),
    }
}
