//! The bytes of an index term. One term field holds everything; a leading byte says what a term is.
//!
//! | Term | After the leading byte |
//! |---|---|
//! | mark | path, one byte of [`Mark`]: something of this kind is at the path |
//! | value | path, type byte, value: a scalar that can be equal |
//! | word | path, word: of a text at the path |
//! | id, slot | the point's id, its slot (big-endian) |
//! | whole | nothing: the payload was too large and has no field terms |
//!
//! A path is its keys, each ended by `FF`, `FE` for `[]`, and `FD` at the end: bytes that UTF-8
//! never has, so that no path is a prefix of another and none is ambiguous. Numbers for ranges are
//! not terms: they are columns, named by the path in hexadecimal.

use vitrail_domain::limits::{KEYWORD_BYTES_MAX, PATH_BYTES_MAX};
use vitrail_domain::payload::Step;
use vitrail_domain::{MatchValue, Path, PointId, Slot};

const KEY_END: u8 = 0xFF;
const EACH: u8 = 0xFE;
const PATH_END: u8 = 0xFD;

const TEXT: u8 = b't';
const INTEGER: u8 = b'i';
const BOOL: u8 = b'b';

/// Bytes of an encoded path; every path that a filter can spell is shorter.
pub(crate) const ENCODED_PATH_MAX: usize = PATH_BYTES_MAX + 8;

/// What a term is: its leading byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Mark = 1,
    Value = 2,
    Word = 3,
    Id = 4,
    Slot = 5,
    Whole = 6,
}

/// A kind of thing that is at a path; `scalars` of a path are the reached values, and a reached
/// list's elements in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A text is among the scalars.
    Text,
    /// A whole number of 64 bits with sign.
    Integer,
    /// Any other number.
    Float,
    /// True or false.
    Bool,
    /// An object, reached or an element.
    Object,
    /// A list that is not empty is reached.
    List,
    /// Null is reached (null as an element does not count).
    Null,
    /// A list is an element of a reached list.
    Inner,
    /// A text is longer than a value term can be.
    Long,
    /// More than one text: words of different texts are not told apart.
    Texts,
    /// More than one distinct text, whole number or flag.
    Several,
}

impl Mark {
    /// Every mark, in term order.
    pub(crate) const ALL: [Self; 11] = [
        Self::Text,
        Self::Integer,
        Self::Float,
        Self::Bool,
        Self::Object,
        Self::List,
        Self::Null,
        Self::Inner,
        Self::Long,
        Self::Texts,
        Self::Several,
    ];

    /// Those of which one is there where anything but null and empty lists is there.
    pub(crate) const FILLED: [Self; 6] =
        [Self::Text, Self::Integer, Self::Float, Self::Bool, Self::Object, Self::List];

    /// Its bit in a set of marks.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A payload path as bytes, its end mark left off while it grows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct PathBytes(Vec<u8>);

impl PathBytes {
    /// The path of a filter; `None` for one that terms can't say: with `[0]`, or too long.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let mut bytes = Self::default();
        for step in path.steps() {
            match step {
                Step::Key(key) => bytes.push_key(key),
                Step::Each => bytes.push_each(),
                Step::Index(_) => return None,
            }
        }
        bytes.fits().then_some(bytes)
    }

    pub(crate) fn push_key(&mut self, key: &str) {
        self.0.extend_from_slice(key.as_bytes());
        self.0.push(KEY_END);
    }

    pub(crate) fn push_each(&mut self) {
        self.0.push(EACH);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Whether terms of it are made.
    pub(crate) fn fits(&self) -> bool {
        self.0.len() <= ENCODED_PATH_MAX
    }

    /// Whether its last step is into each element of a list.
    pub(crate) fn ends_with_each(&self) -> bool {
        self.0.last() == Some(&EACH)
    }

    /// Bytes of a term's `section` and this path.
    pub(crate) fn prefix(&self, section: Section) -> Vec<u8> {
        let mut term = Vec::with_capacity(self.0.len() + 12);
        term.push(section as u8);
        term.extend_from_slice(&self.0);
        term.push(PATH_END);
        term
    }

    pub(crate) fn mark(&self, mark: Mark) -> Vec<u8> {
        let mut term = self.prefix(Section::Mark);
        term.push(mark as u8);
        term
    }

    pub(crate) fn value(&self, value: &[u8]) -> Vec<u8> {
        let mut term = self.prefix(Section::Value);
        term.extend_from_slice(value);
        term
    }

    pub(crate) fn word(&self, word: &str) -> Vec<u8> {
        let mut term = self.prefix(Section::Word);
        term.extend_from_slice(word.as_bytes());
        term
    }

    /// The name of the column that holds its numbers: hexadecimal, since column names take dots
    /// and control characters for their own.
    pub(crate) fn column(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
        self.0.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
    }

    /// The path as users write it; `None` where it has no spelling (`[]` beside a key with `"`).
    pub(crate) fn to_path(&self) -> Option<Path> {
        let mut spelled = String::new();
        let mut keys: Option<Path> = None;
        let mut rest = self.0.as_slice();
        while let Some((&first, after)) = rest.split_first() {
            if first == EACH {
                spelled.push_str("[]");
                rest = after;
                continue;
            }
            let end = rest.iter().position(|&byte| byte == KEY_END)?;
            let key = std::str::from_utf8(&rest[..end]).ok()?;
            keys = Some(keys.map_or_else(|| Path::key(key), |path| path.join(key)));
            let dot = if spelled.is_empty() { "" } else { "." };
            spelled.push_str(&format!("{dot}{}", Path::key(key)));
            rest = &rest[end + 1..];
        }
        if self.0.contains(&EACH) { spelled.parse().ok() } else { keys }
    }
}

/// A mark term taken apart: its path and its mark.
pub(crate) fn read_mark(term: &[u8]) -> Option<(PathBytes, Mark)> {
    let (&mark, path) = term.split_last()?;
    let path = path.strip_suffix(&[PATH_END])?.strip_prefix(&[Section::Mark as u8])?;
    Some((PathBytes(path.to_vec()), *Mark::ALL.get(usize::from(mark))?))
}

/// A text as the end of a value term; `None` if it is too long for one.
pub(crate) fn text_value(text: &str) -> Option<Vec<u8>> {
    (text.len() <= KEYWORD_BYTES_MAX).then(|| [&[TEXT], text.as_bytes()].concat())
}

/// A whole number as the end of a value term.
pub(crate) fn integer_value(integer: i64) -> Vec<u8> {
    let ordered = integer.cast_unsigned() ^ (1 << 63);
    [&[INTEGER], ordered.to_be_bytes().as_slice()].concat()
}

/// A flag as the end of a value term.
pub(crate) fn bool_value(flag: bool) -> Vec<u8> {
    vec![BOOL, u8::from(flag)]
}

/// The end of the value term that `value` would have; `None` if it is too long for one.
pub(crate) fn match_value(value: &MatchValue) -> Option<Vec<u8>> {
    match value {
        MatchValue::Text(text) => text_value(text),
        MatchValue::Integer(integer) => Some(integer_value(*integer)),
        MatchValue::Bool(flag) => Some(bool_value(*flag)),
    }
}

/// Reads what [`match_value`] made.
pub(crate) fn read_value(bytes: &[u8]) -> Option<MatchValue> {
    let (&kind, value) = bytes.split_first()?;
    match kind {
        TEXT => Some(MatchValue::Text(std::str::from_utf8(value).ok()?.to_owned())),
        INTEGER => {
            let ordered = u64::from_be_bytes(value.try_into().ok()?);
            Some(MatchValue::Integer((ordered ^ (1 << 63)).cast_signed()))
        }
        BOOL => Some(MatchValue::Bool(value == [1])),
        _ => None,
    }
}

/// The term of a point's id.
pub(crate) fn id_term(id: PointId) -> Vec<u8> {
    let mut term = vec![Section::Id as u8];
    match id {
        PointId::Number(number) => {
            term.push(b'n');
            term.extend_from_slice(&number.to_be_bytes());
        }
        PointId::Uuid(uuid) => {
            term.push(b'u');
            term.extend_from_slice(uuid.as_bytes());
        }
    }
    term
}

/// The term of a slot, by which its document is taken out.
pub(crate) fn slot_term(slot: Slot) -> Vec<u8> {
    let mut term = vec![Section::Slot as u8];
    term.extend_from_slice(&slot.0.to_be_bytes());
    term
}

/// The term of payloads that have no field terms.
pub(crate) fn whole_term() -> Vec<u8> {
    vec![Section::Whole as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_their_bytes() {
        for text in ["a", "a.b", "a[].b", "a[][]", "\"x.y\".z", "ü.ö[]"] {
            let path: Path = text.parse().unwrap();
            assert_eq!(PathBytes::of(&path).unwrap().to_path(), Some(path), "{text}");
        }
        assert_eq!(PathBytes::of(&"a[0]".parse().unwrap()), None);
        assert!(PathBytes::of(&Path::key("with \" quote")).unwrap().to_path().is_some());
        assert_eq!(PathBytes::of(&Path::key(&"k".repeat(ENCODED_PATH_MAX))), None);
    }

    #[test]
    fn values_and_marks_come_back_from_their_bytes() {
        let path = PathBytes::of(&"a.b".parse().unwrap()).unwrap();
        for integer in [i64::MIN, -1, 0, 1, i64::MAX] {
            let value = MatchValue::Integer(integer);
            assert_eq!(read_value(&match_value(&value).unwrap()), Some(value));
        }
        assert!(integer_value(-1) < integer_value(0));
        for mark in Mark::ALL {
            assert_eq!(read_mark(&path.mark(mark)), Some((path.clone(), mark)));
        }
    }
}
