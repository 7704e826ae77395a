//! What each container is sent, and where its vectors stand in the answer.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A container, by what it takes and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Path Foundation: one 224 x 224 tile a picture; 384 numbers.
    Path,
    /// Derm Foundation: a photograph as it is; 6,144 numbers.
    Derm,
    /// CXR Foundation: 32 rows of 128 numbers, those made to be compared with text.
    Cxr,
    /// CXR Foundation: 32 rows of 768 numbers, the general ones.
    CxrGeneral,
    /// MedSigLIP: 1,152 numbers.
    MedSigLip,
}

/// What a container is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece<'a> {
    /// An encoded picture.
    Picture(&'a [u8]),
    /// A text.
    Text(&'a str),
}

impl Piece<'_> {
    /// Bytes that it takes in a request, at most; beside the overhead.
    pub fn bytes(self) -> usize {
        match self {
            Self::Picture(bytes) => bytes.len().div_ceil(3) * 4,
            // A letter is escaped by six bytes at most.
            Self::Text(text) => text.len() * 6,
        }
    }
}

/// Names in manifests.
const NAMES: [(&str, Container); 5] = [
    ("path", Container::Path),
    ("derm", Container::Derm),
    ("cxr", Container::Cxr),
    ("cxr_general", Container::CxrGeneral),
    ("medsiglip", Container::MedSigLip),
];

/// Pixels of a side of Path Foundation's tiles.
pub(crate) const PATH_SIDE: u32 = 224;

impl FromStr for Container {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, container)| *container).ok_or_else(|| {
            let names = NAMES.map(|(name, _)| name).join(", ");
            format!("\"{text}\" is no container; there are {names}")
        })
    }
}

impl Container {
    /// Whether it takes texts too.
    #[must_use]
    pub fn takes_texts(self) -> bool {
        matches!(self, Self::Cxr | Self::MedSigLip)
    }

    /// One piece of a request.
    pub(crate) fn instance(self, piece: Piece<'_>) -> Value {
        match (piece, self) {
            (Piece::Picture(bytes), _) => self.picture(STANDARD.encode(bytes)),
            (Piece::Text(text), Self::MedSigLip) => json!({ "text": text }),
            (Piece::Text(text), _) => json!({ "prompt_query": text }),
        }
    }

    fn picture(self, base64: String) -> Value {
        match self {
            Self::Path => json!({
                "raw_image_bytes": base64,
                "patch_coordinates": [
                    { "x_origin": 0, "y_origin": 0, "width": PATH_SIDE, "height": PATH_SIDE },
                ],
            }),
            Self::Derm | Self::Cxr | Self::CxrGeneral => json!({ "input_bytes": base64 }),
            Self::MedSigLip => json!({ "image": { "input_bytes": base64 } }),
        }
    }

    /// Bytes of an instance beside its picture: an upper bound, with what parts it from the next.
    pub(crate) fn instance_overhead(self) -> usize {
        // The longest of the above has 110.
        128
    }

    /// The vectors of one prediction: a list of numbers, or a list of such lists.
    pub(crate) fn vectors<'a>(self, piece: Piece<'_>, prediction: &'a Value) -> Option<&'a Value> {
        if let (Piece::Text(_), Self::Cxr | Self::CxrGeneral) = (piece, self) {
            return prediction.get("contrastive_txt_emb");
        }
        match self {
            Self::Path => prediction.pointer("/result/patch_embeddings/0/embedding_vector"),
            Self::Derm => prediction.get("embedding"),
            Self::Cxr => prediction.get("contrastive_img_emb"),
            Self::CxrGeneral => prediction.get("general_img_emb"),
            Self::MedSigLip => prediction.get("embedding"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_overheads_hold() {
        for (name, container) in NAMES {
            assert_eq!(name.parse(), Ok(container));
            let text = container.instance(Piece::Picture(&[])).to_string();
            assert!(text.len() < container.instance_overhead(), "{text}");
        }
        assert!("bert".parse::<Container>().is_err());
    }
}
