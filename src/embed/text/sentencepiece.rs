//! A SentencePiece model of the kind unigram (`sentencepiece_model.proto`), read without its
//! library.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What the file says, as far as it changes numbers.
struct Model<'a> {
    pieces: Vec<Value>,
    unknown: Option<usize>,
    kind: u64,
    byte_fallback: bool,
    charsmap: &'a [u8],
    dummy_prefix: bool,
    remove_spaces: bool,
}

/// `ModelType` of the file format.
const UNIGRAM: u64 = 1;

/// Types of pieces.
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;

/// The tokenizer as the library's own document.
pub(super) fn document(file: &[u8]) -> Result<Value, String> {
    let model = read(file).ok_or("the file is no SentencePiece model")?;
    if model.kind != UNIGRAM {
        return Err("the model is not of the kind unigram: give its tokenizer.json".to_owned());
    }
    if model.pieces.is_empty() {
        return Err("the file holds no pieces".to_owned());
    }
    let mut steps = Vec::new();
    if !model.charsmap.is_empty() {
        let map = STANDARD.encode(model.charsmap);
        steps.push(json!({"type": "Precompiled", "precompiled_charsmap": map}));
    }
    if model.remove_spaces {
        steps.push(json!({"type": "Strip", "strip_left": true, "strip_right": true}));
        let pattern = json!({"Regex": " {2,}"});
        steps.push(json!({"type": "Replace", "pattern": pattern, "content": " "}));
    }
    let prefix = if model.dummy_prefix { "always" } else { "never" };
    Ok(json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {
            "type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": prefix,
            "split": true,
        },
        "post_processor": null,
        "decoder": null,
        "model": {
            "type": "Unigram", "unk_id": model.unknown, "vocab": model.pieces,
            "byte_fallback": model.byte_fallback,
        },
    }))
}

fn read(file: &[u8]) -> Option<Model<'_>> {
    let mut model = Model {
        pieces: Vec::new(),
        unknown: None,
        kind: UNIGRAM,
        byte_fallback: false,
        charsmap: &[],
        dummy_prefix: true,
        remove_spaces: true,
    };
    let mut fields = Fields(file);
    while let Some(field) = fields.next()? {
        match field {
            (1, Content::Bytes(piece)) => add_piece(&mut model, piece)?,
            (2, Content::Bytes(trainer)) => {
                let mut fields = Fields(trainer);
                while let Some(field) = fields.next()? {
                    match field {
                        (3, Content::Number(kind)) => model.kind = kind,
                        (35, Content::Number(yes)) => model.byte_fallback = yes != 0,
                        _ => {}
                    }
                }
            }
            (3, Content::Bytes(normalizer)) => {
                let mut fields = Fields(normalizer);
                while let Some(field) = fields.next()? {
                    match field {
                        (2, Content::Bytes(map)) => model.charsmap = map,
                        (3, Content::Number(yes)) => model.dummy_prefix = yes != 0,
                        (4, Content::Number(yes)) => model.remove_spaces = yes != 0,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(model)
}

fn add_piece(model: &mut Model<'_>, bytes: &[u8]) -> Option<()> {
    let (mut text, mut score, mut kind) = ("", 0.0_f32, 1);
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Content::Bytes(bytes)) => text = std::str::from_utf8(bytes).ok()?,
            (2, Content::Four(bits)) => score = f32::from_le_bytes(bits),
            (3, Content::Number(number)) => kind = number,
            _ => {}
        }
    }
    let number = model.pieces.len();
    if kind == UNKNOWN {
        model.unknown = Some(number);
    }
    // No text spells a control piece, so that "</s>" in a report is four characters.
    let name = if kind == CONTROL { format!("\0{number}") } else { text.to_owned() };
    model.pieces.push(json!([name, score]));
    Some(())
}

/// The fields of one protocol-buffer message, one after another.
struct Fields<'a>(&'a [u8]);

enum Content<'a> {
    Number(u64),
    Four([u8; 4]),
    Bytes(&'a [u8]),
    Eight,
}

impl<'a> Fields<'a> {
    /// `None`: damaged. `Some(None)`: the end.
    fn next(&mut self) -> Option<Option<(u64, Content<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.number()?;
        let content = match key & 7 {
            0 => Content::Number(self.number()?),
            1 => {
                self.take(8)?;
                Content::Eight
            }
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Content::Bytes(self.take(length)?)
            }
            5 => Content::Four(self.take(4)?.try_into().ok()?),
            _ => return None,
        };
        Some(Some((key >> 3, content)))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
