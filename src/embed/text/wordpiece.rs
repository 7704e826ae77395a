//! BERT's tokenizer from a `vocab.txt`: one piece a line, its number is the line's.

use serde_json::{Map, Value, json};

/// Pieces that stand for themselves where a text spells them.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The tokenizer as the library's own document; an uncased one also strips accents.
pub(super) fn document(vocabulary: &[u8], lowercase: bool) -> Result<Value, String> {
    let text = std::str::from_utf8(vocabulary).map_err(|error| error.to_string())?;
    let mut pieces = Map::new();
    let mut special = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let piece = line.trim_end_matches('\r');
        pieces.insert(piece.to_owned(), json!(number));
        if SPECIAL.contains(&piece) {
            special.push(super::special(number, piece));
        }
    }
    if !pieces.contains_key("[UNK]") {
        return Err("the vocabulary has no [UNK]".to_owned());
    }
    Ok(json!({
        "version": "1.0",
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": null,
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": pieces,
        },
    }))
}
