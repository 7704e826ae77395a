//! Byte pairs from `vocab.json` and `merges.txt`: CLIP's (pieces end in `</w>`) or GPT-2's.

use serde_json::{Value, json};

/// CLIP's words, as the library's own converter has them.
const CLIP_WORDS: &str = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

const CLIP_END: &str = "</w>";
const CLIP_ENDS: [&str; 2] = ["<|startoftext|>", "<|endoftext|>"];

/// The tokenizer as the library's own document.
pub(super) fn document(vocabulary: &[u8], merges: &[u8]) -> Result<Value, String> {
    let pieces: Value =
        serde_json::from_slice(vocabulary).map_err(|error| format!("vocab.json: {error}"))?;
    let known = pieces.as_object().ok_or("vocab.json is no object of pieces")?;
    let is_clip = known.keys().any(|piece| piece.ends_with(CLIP_END));
    let number = |piece: &str| known.get(piece).and_then(Value::as_u64);
    let ends = CLIP_ENDS.iter().filter_map(|piece| Some((number(piece)? as usize, *piece)));
    let special: Vec<Value> = ends.map(|(at, piece)| super::special(at, piece)).collect();
    let unknown = number("<|endoftext|>").filter(|_| is_clip).map(|_| "<|endoftext|>");
    let byte_level = |own_words: bool| {
        json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": own_words,
        })
    };
    let (normalizer, words) = if is_clip {
        let spaces = json!({"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "});
        let split = json!({
            "type": "Split", "pattern": {"Regex": CLIP_WORDS}, "behavior": "Removed",
            "invert": true,
        });
        let normalizers = json!([{"type": "NFC"}, spaces]);
        (
            json!({"type": "Sequence", "normalizers": normalizers}),
            json!({"type": "Sequence", "pretokenizers": [split, byte_level(false)]}),
        )
    } else {
        (Value::Null, byte_level(true))
    };
    let merges = pairs(merges)?;
    Ok(json!({
        "version": "1.0",
        "added_tokens": special,
        "normalizer": normalizer,
        "pre_tokenizer": words,
        "post_processor": null,
        "decoder": null,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": unknown,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": if is_clip { CLIP_END } else { "" },
            "fuse_unk": false, "vocab": pieces, "merges": merges,
        },
    }))
}

/// Two pieces a line, the first lines first; a first line `#version` says nothing.
fn pairs(merges: &[u8]) -> Result<Vec<[&str; 2]>, String> {
    let text = std::str::from_utf8(merges).map_err(|error| format!("merges.txt: {error}"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let lines = lines.filter(|(at, line)| !(*at == 0 && line.starts_with("#version")));
    lines
        .map(|(at, line)| {
            let found = line.split_once(' ').map(|(left, right)| [left, right]);
            found.ok_or_else(|| format!("merges.txt, line {}: no two pieces", at + 1))
        })
        .collect()
}
