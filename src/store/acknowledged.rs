//! The last acknowledged Seq, kept beside the database to notice a damaged log
//! (`schemas/formats/store.md`, Lost writes).

use std::path::Path;

use vitrail_disk::MarkFile;
use vitrail_domain::Seq;

use crate::error::StoreError;

const MAGIC: [u8; 8] = *b"VITRACK\0";
const BYTES: usize = 24;

/// The file `acknowledged` of one collection.
pub(crate) struct Acknowledged(MarkFile<BYTES>);

impl Acknowledged {
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Ok(Self(MarkFile::open(&folder.join("acknowledged"))?))
    }

    /// Notes that all up to `seq` are synced. A note that can't be written is only missed.
    pub fn note(&self, seq: u64) {
        if let Err(error) = self.0.set(encode(seq)) {
            tracing::warn!(%error, "the acknowledged Seq is not noted");
        }
    }

    /// The Seqs, first and last, that were acknowledged after `seq`, the last in the database.
    pub fn beyond(&self, seq: u64) -> Option<(Seq, Seq)> {
        let noted = decode(&self.0.get()?)?;
        (noted > seq).then_some((Seq(seq + 1), Seq(noted)))
    }
}

fn encode(seq: u64) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&seq.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..16]);
    bytes[16..20].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; BYTES]) -> Option<u64> {
    let mut seq = [0; 8];
    seq.copy_from_slice(&bytes[8..16]);
    let seq = u64::from_le_bytes(seq);
    (*bytes == encode(seq)).then_some(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_note_is_believed() {
        assert_eq!(decode(&encode(77)), Some(77));
        for at in 0..BYTES {
            let mut bytes = encode(77);
            bytes[at] ^= 4;
            assert_eq!(decode(&bytes), None, "byte {at}");
        }
    }
}
