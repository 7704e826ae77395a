//! The one tokenizer of full-text conditions: the field index and the direct evaluator share it,
//! so that they can't disagree on what a word is.

use crate::limits::WORD_BYTES_MAX;

/// Lower-cased runs of letters and digits, in order. Longer words than the bound are cut at a
/// character's edge, in text and in query alike.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).map(|run| {
        let mut word: String = run.chars().flat_map(char::to_lowercase).collect();
        if word.len() > WORD_BYTES_MAX {
            let cut = (0..=WORD_BYTES_MAX).rev().find(|&at| word.is_char_boundary(at));
            word.truncate(cut.unwrap_or(0));
        }
        word
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_on_everything_but_letters_and_digits() {
        let found: Vec<_> = words("Naevus, 3mm (LEFT-arm) Über_x").collect();
        assert_eq!(found, ["naevus", "3mm", "left", "arm", "über", "x"]);
    }
}
