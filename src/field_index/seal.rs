//! The line that each commit carries: up to which operation the index knows, and a seal over it.

use roaring::RoaringBitmap;
use vitrail_domain::Seq;

/// Counts the layouts of terms and columns; an index of another one is emptied.
const FORMAT: u64 = 1;

/// What a commit says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Every change up to here is in.
    pub(crate) seq: Seq,
    /// The library's stamp of the commit.
    pub(crate) stamp: u64,
    /// How many slots have a document.
    pub(crate) docs: u64,
    /// A hash of those slots.
    pub(crate) slots: u64,
}

impl Seal {
    /// The seal of a commit that leaves documents of `slots`.
    pub(crate) fn of(seq: Seq, stamp: u64, slots: &RoaringBitmap) -> Self {
        let hash = slots.iter().fold(SEED, |hash, slot| mix(hash, u64::from(slot)));
        Self { seq, stamp, docs: slots.len(), slots: hash }
    }

    /// As text.
    pub(crate) fn line(&self) -> String {
        let Self { seq, stamp, docs, slots } = self;
        let line = format!("{FORMAT} {} {stamp} {docs} {slots}", seq.0);
        let check = hash(line.as_bytes());
        format!("{line} {check}")
    }

    /// Reads [`Self::line`]; `None` if it is damaged or of another format.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (front, check) = line.rsplit_once(' ')?;
        if check.parse() != Ok(hash(front.as_bytes())) {
            return None;
        }
        let numbers: Vec<u64> = front.split(' ').map_while(|part| part.parse().ok()).collect();
        let &[FORMAT, seq, stamp, docs, slots] = numbers.as_slice() else { return None };
        Some(Self { seq: Seq(seq), stamp, docs, slots })
    }
}

/// FNV-1a's numbers: the seal guards against accidents, not against an attacker.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

fn mix(hash: u64, part: u64) -> u64 {
    (hash ^ part).wrapping_mul(PRIME)
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(SEED, |hash, &byte| mix(hash, u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_any_changed_byte_is_refused() {
        let seal = Seal::of(Seq(123), 45, &RoaringBitmap::from_iter([1, 2, 9]));
        let line = seal.line();
        assert_eq!(Seal::read(&line), Some(seal));
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(Seal::read(&String::from_utf8(bytes).unwrap()), None, "byte {at}");
        }
    }
}
