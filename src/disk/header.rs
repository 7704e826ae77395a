//! The 64 bytes before the body of every file of ours (`schemas/formats/store.md`).

use thiserror::Error;

const MAGIC: [u8; 8] = *b"VITRAIL\0";

/// What a file says of itself: its kind and the version of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// Which kind of file; numbers are given in `schemas/formats`.
    pub kind: u16,
    /// Version of that kind.
    pub version: u16,
}

/// Why bytes are not a file of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Shorter than a header.
    #[error("the file has {got} bytes, fewer than its header's {}", FileHeader::BYTES)]
    Short {
        /// Bytes there are.
        got: usize,
    },
    /// Another program's file.
    #[error("the file doesn't start as a vitrail file does")]
    Magic,
    /// Bytes of the header changed.
    #[error("the file's header is damaged")]
    Header,
    /// Another kind of file than the one asked for.
    #[error("the file is of kind {got}, not {expected}")]
    Kind {
        /// The kind there is.
        got: u16,
        /// The kind asked for.
        expected: u16,
    },
    /// Cut off, or something was appended.
    #[error("the file's body has {got} bytes, not {expected}")]
    Length {
        /// Bytes there are.
        got: u64,
        /// Bytes the header announces.
        expected: u64,
    },
    /// Bytes of the body changed.
    #[error("the file's body is damaged")]
    Body,
}

impl FileHeader {
    /// Bytes of a header.
    pub const BYTES: usize = 64;

    /// A whole file: header and `body`. O(body), one pass of BLAKE3.
    #[must_use]
    pub fn file(self, body: &[u8]) -> Vec<u8> {
        let mut file = Vec::with_capacity(Self::BYTES + body.len());
        file.extend(self.bytes(body.len() as u64, blake3::hash(body).as_bytes()));
        file.extend(body);
        file
    }

    /// The header alone, for a body that is streamed and whose BLAKE3 is known.
    #[must_use]
    pub fn bytes(self, body_len: u64, body_hash: &[u8; 32]) -> [u8; Self::BYTES] {
        let mut header = [0; Self::BYTES];
        header[0..8].copy_from_slice(&MAGIC);
        header[8..10].copy_from_slice(&self.kind.to_le_bytes());
        header[10..12].copy_from_slice(&self.version.to_le_bytes());
        header[16..24].copy_from_slice(&body_len.to_le_bytes());
        header[24..56].copy_from_slice(body_hash);
        let check = check_of(&header);
        header[56..64].copy_from_slice(&check);
        header
    }

    /// Splits a file of `kind` into its version and its body. The body's hash is not computed:
    /// O(1); see [`Self::checked`].
    ///
    /// # Errors
    /// Another kind, damage in the header, or another length than announced.
    pub fn split(kind: u16, file: &[u8]) -> Result<(u16, &[u8]), HeaderError> {
        let short = HeaderError::Short { got: file.len() };
        let (header, body) = file.split_first_chunk::<{ Self::BYTES }>().ok_or(short)?;
        if header[0..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        if header[56..64] != check_of(header) {
            return Err(HeaderError::Header);
        }
        let got = u16::from_le_bytes([header[8], header[9]]);
        if got != kind {
            return Err(HeaderError::Kind { got, expected: kind });
        }
        let expected = le_u64(header, 16);
        if body.len() as u64 != expected {
            return Err(HeaderError::Length { got: body.len() as u64, expected });
        }
        Ok((u16::from_le_bytes([header[10], header[11]]), body))
    }

    /// As [`Self::split`], and hashes the body: O(body).
    ///
    /// # Errors
    /// As [`Self::split`], and a damaged body.
    pub fn checked(kind: u16, file: &[u8]) -> Result<(u16, &[u8]), HeaderError> {
        let (version, body) = Self::split(kind, file)?;
        let hash = blake3::hash(body);
        if file.get(24..56) == Some(hash.as_bytes()) {
            Ok((version, body))
        } else {
            Err(HeaderError::Body)
        }
    }
}

fn check_of(header: &[u8; FileHeader::BYTES]) -> [u8; 8] {
    let mut check = [0; 8];
    check.copy_from_slice(&blake3::hash(&header[..56]).as_bytes()[..8]);
    check
}

fn le_u64(header: &[u8; FileHeader::BYTES], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(kind: u16, version: u16, body: Vec<u8>) {
            let file = FileHeader { kind, version }.file(&body);
            prop_assert_eq!(FileHeader::checked(kind, &file), Ok((version, body.as_slice())));
        }

        #[test]
        fn any_flipped_bit_is_noticed(
            body in prop::collection::vec(any::<u8>(), 1..99),
            at: prop::sample::Index,
            bit in 0u8..8,
        ) {
            let mut file = FileHeader { kind: 1, version: 1 }.file(&body);
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            prop_assert!(FileHeader::checked(1, &file).is_err(), "byte {}", at);
        }

        #[test]
        fn any_prefix_is_noticed(cut in 0usize..100) {
            let file = FileHeader { kind: 1, version: 1 }.file(&[7; 36]);
            prop_assert!(FileHeader::split(1, &file[..cut]).is_err());
        }
    }

    #[test]
    fn another_kind_is_named() {
        let file = FileHeader { kind: 2, version: 1 }.file(b"x");
        assert_eq!(FileHeader::split(1, &file), Err(HeaderError::Kind { got: 2, expected: 1 }));
    }
}
