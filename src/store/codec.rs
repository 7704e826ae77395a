//! Bytes of stored values: the envelope, and bincode inside it. The one file that names bincode
//! (unmaintained, RUSTSEC-2025-0141: pinned, and never without the envelope around it).
//!
//! These types belong to the disk (`schemas/formats/store.md`): their fields, their order and their
//! numbers are the format. In-memory types are converted to and from them in `convert`.

use bincode::{Decode, Encode};

use crate::convert::catalog_from_v1;

/// Bytes of the envelope before the body.
pub(crate) const ENVELOPE_BYTES: usize = 16;

const MAGIC: [u8; 2] = *b"Vr";
const ENVELOPE_VERSION: u8 = 1;

/// The most bytes that one record's decoding may ask for: the largest is a payload.
const DECODE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a value is; the numbers are written to the disk and never given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Point = 1,
    SlotOfId = 2,
    Vector = 3,
    Change = 4,
    Image = 5,
    Thumbnail = 6,
    Mark = 7,
    Embedding = 8,
    State = 9,
    Trim = 10,
    Catalog = 11,
    Job = 12,
    Refusal = 13,
    Model = 14,
    Setting = 15,
    Report = 16,
    MultiVector = 17,
}

impl Kind {
    /// The version that is written; every one from 1 up to it is read.
    pub(crate) fn version(self) -> u16 {
        match self {
            Self::Catalog => 2,
            _ => 1,
        }
    }
}

/// Version 1 of a named vector: before multi-vectors.
#[derive(Encode, Decode)]
pub(crate) struct VectorV1 {
    pub name: String,
    pub number: u16,
    pub dim: u32,
    pub metric: u8,
    pub model: Option<String>,
    pub contract: Option<String>,
}

/// Version 1 of a catalog entry.
#[derive(Encode, Decode)]
pub(crate) struct CatalogV1 {
    pub state: u8,
    pub name: String,
    pub created_at: u64,
    pub next_number: u16,
    pub vectors: Vec<VectorV1>,
    pub roles: Vec<(u8, String)>,
}

fn older_catalog(_version: u16, body: &[u8]) -> Result<CatalogOnDisk, String> {
    decode_body(body).map(catalog_from_v1)
}

/// A record of bincode and its kind.
pub(crate) trait Record: Encode + Decode<()> {
    const KIND: Kind;

    /// Reads what an older version wrote; asked only for versions below the one that is written.
    fn older(version: u16, _body: &[u8]) -> Result<Self, String> {
        Err(format!("nothing reads version {version} of it"))
    }
}

macro_rules! records {
    ($(
        $(#[$doc:meta])*
        $kind:ident $name:ident { $($field:ident: $type:ty,)* } $(=> $older:path)?
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Encode, Decode)]
            pub(crate) struct $name { $(pub $field: $type,)* }

            impl Record for $name {
                const KIND: Kind = Kind::$kind;
                $(
                    fn older(version: u16, body: &[u8]) -> Result<Self, String> {
                        $older(version, body)
                    }
                )?
            }
        )*
    };
}

/// A point's id: tag 0 a number, 1 a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub(crate) struct IdOnDisk {
    pub tag: u8,
    pub number: u64,
    pub uuid: [u8; 16],
}

/// One point in an entry of the change log.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode)]
pub(crate) struct ChangedOnDisk {
    pub slot: u32,
    pub id: IdOnDisk,
    pub flags: u8,
}

/// One named vector in a catalog entry.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(crate) struct VectorOnDisk {
    pub name: String,
    pub number: u16,
    pub dim: u32,
    pub metric: u8,
    pub model: Option<String>,
    pub contract: Option<String>,
    pub comparator: u8,
}

records! {
    Point PointOnDisk {
        id: IdOnDisk,
        image: Option<[u8; 16]>,
        seq: u64,
        payload: Vec<u8>,
    }
    SlotOfId SlotOnDisk {
        slot: u32,
    }
    Change ChangeOnDisk {
        changed: Vec<ChangedOnDisk>,
    }
    Image ImageOnDisk {
        uri: String,
        root: Option<String>,
        format: String,
        sha256: [u8; 32],
        pixel_hash: [u8; 32],
        perceptual_hash: u64,
        width: u64,
        height: u64,
        bytes: u64,
        mpp: Option<f64>,
        stored_at: u64,
    }
    State StateOnDisk {
        seq: u64,
        next_slot: u32,
        live: u64,
    }
    Trim TrimOnDisk {
        seq: u64,
    }
    Catalog CatalogOnDisk {
        state: u8,
        name: String,
        created_at: u64,
        next_number: u16,
        vectors: Vec<VectorOnDisk>,
        roles: Vec<(u8, String)>,
    } => older_catalog
    Job JobOnDisk {
        kind: String,
        collection: Option<String>,
        state: u8,
        created_at: u64,
        updated_at: u64,
        spec: Vec<u8>,
        total: Option<u64>,
        done: u64,
        ingested: u64,
        skipped: u64,
        refused: u64,
        refusals_kept: u32,
        message: Option<String>,
    }
    Refusal RefusalOnDisk {
        path: String,
        code: String,
        message: String,
    }
}

/// A record, encoded and in its envelope.
pub(crate) fn encode<T: Record>(key: &[u8], record: &T) -> Result<Vec<u8>, String> {
    let config = bincode::config::standard();
    let body = bincode::encode_to_vec(record, config).map_err(|error| error.to_string())?;
    Ok(seal(T::KIND, key, &body))
}

/// Reads what [`encode`] wrote under the same key.
pub(crate) fn decode<T: Record>(key: &[u8], value: &[u8]) -> Result<T, String> {
    let (version, body) = unseal_version(T::KIND, key, value)?;
    if version < T::KIND.version() { T::older(version, body) } else { decode_body(body) }
}

/// A whole body of bincode, and nothing behind it.
fn decode_body<T: Decode<()>>(body: &[u8]) -> Result<T, String> {
    let config = bincode::config::standard().with_limit::<DECODE_BYTES_MAX>();
    match bincode::decode_from_slice(body, config) {
        Ok((record, read)) if read == body.len() => Ok(record),
        Ok((_, read)) => Err(format!("{} bytes follow the record", body.len() - read)),
        Err(error) => Err(format!("the record can't be decoded: {error}")),
    }
}

/// A raw body in its envelope.
pub(crate) fn seal(kind: Kind, key: &[u8], body: &[u8]) -> Vec<u8> {
    seal_with(kind, key, body.len(), |out| out.extend_from_slice(body))
}

/// Components as little-endian bytes in the envelope of `kind`: one allocation, O(dim).
pub(crate) fn seal_floats(kind: Kind, key: &[u8], components: &[f32]) -> Vec<u8> {
    seal_with(kind, key, components.len() * 4, |out| {
        for component in components {
            out.extend_from_slice(&component.to_le_bytes());
        }
    })
}

fn seal_with(kind: Kind, key: &[u8], body_len: usize, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut value = Vec::with_capacity(ENVELOPE_BYTES + body_len);
    value.extend_from_slice(&MAGIC);
    value.extend_from_slice(&[ENVELOPE_VERSION, kind as u8]);
    value.extend_from_slice(&kind.version().to_le_bytes());
    value.extend_from_slice(&[0, 0]);
    // Every body has a bound far below 4 GiB in `limits`.
    value.extend_from_slice(&u32::try_from(body_len).unwrap_or(u32::MAX).to_le_bytes());
    value.extend_from_slice(&[0; 4]);
    body(&mut value);
    let check = check_of(&value[..12], key, &value[ENVELOPE_BYTES..]);
    value[12..16].copy_from_slice(&check);
    value
}

/// The body of a value of `kind` that was written under `key`.
pub(crate) fn unseal<'a>(kind: Kind, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], String> {
    unseal_version(kind, key, value).map(|(_, body)| body)
}

/// The version and the body of a value of `kind` that was written under `key`.
fn unseal_version<'a>(kind: Kind, key: &[u8], value: &'a [u8]) -> Result<(u16, &'a [u8]), String> {
    let Some((head, body)) = value.split_first_chunk::<ENVELOPE_BYTES>() else {
        return Err(format!("{} bytes are fewer than the envelope's", value.len()));
    };
    if head[..2] != MAGIC {
        return Err("it doesn't start as a record does".to_owned());
    }
    // The length before the sum: a cut value is told apart from a changed one.
    let told = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    if usize::try_from(told) != Ok(body.len()) {
        return Err(format!("the body has {} bytes, not {told}", body.len()));
    }
    if head[12..] != check_of(&head[..12], key, body) {
        return Err("the checksum is wrong".to_owned());
    }
    if head[2] != ENVELOPE_VERSION {
        return Err("it was written by a newer program".to_owned());
    }
    if head[3] != kind as u8 {
        return Err(format!("it is of kind {}, not {}", head[3], kind as u8));
    }
    let version = u16::from_le_bytes([head[4], head[5]]);
    if !(1..=kind.version()).contains(&version) {
        return Err("it was written by a newer program".to_owned());
    }
    Ok((version, body))
}

/// Reads a vector's body into `components`, which is emptied first: no allocation when it is large
/// enough.
pub(crate) fn floats_into(body: &[u8], components: &mut Vec<f32>) -> Result<(), String> {
    let (quads, rest) = body.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{} bytes are no whole number of components", body.len()));
    }
    components.clear();
    components.extend(quads.iter().map(|quad| f32::from_le_bytes(*quad)));
    Ok(())
}

fn check_of(head: &[u8], key: &[u8], body: &[u8]) -> [u8; 4] {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.update(key);
    sum.update(body);
    sum.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point(payload: Vec<u8>, seq: u64) -> PointOnDisk {
        let id = IdOnDisk { tag: 0, number: 7, uuid: [0; 16] };
        PointOnDisk { id, image: Some([9; 16]), seq, payload }
    }

    proptest! {
        #[test]
        fn records_are_read_as_written(key: Vec<u8>, payload: Vec<u8>, seq: u64) {
            let record = point(payload, seq);
            let value = encode(&key, &record).unwrap();
            prop_assert_eq!(decode::<PointOnDisk>(&key, &value), Ok(record));
        }

        #[test]
        fn any_flipped_bit_is_noticed(payload: Vec<u8>, at: prop::sample::Index, bit in 0u8..8) {
            let mut value = encode(b"key", &point(payload, 3)).unwrap();
            let at = at.index(value.len());
            value[at] ^= 1 << bit;
            prop_assert!(decode::<PointOnDisk>(b"key", &value).is_err(), "byte {}", at);
        }

        #[test]
        fn any_bytes_are_an_error_and_no_panic(value: Vec<u8>) {
            prop_assert!(decode::<PointOnDisk>(b"key", &value).is_err());
            let sealed = seal(Kind::Point, b"key", &value);
            // A valid envelope around nonsense must not run away with the memory.
            let _ = decode::<PointOnDisk>(b"key", &sealed);
        }

        #[test]
        fn floats_keep_their_bits(bits: Vec<u32>) {
            let floats: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
            let value = seal_floats(Kind::Vector, b"k", &floats);
            let mut read = vec![1.0];
            floats_into(unseal(Kind::Vector, b"k", &value).unwrap(), &mut read).unwrap();
            prop_assert_eq!(read.iter().map(|f| f.to_bits()).collect::<Vec<_>>(), bits);
        }
    }

    #[test]
    fn a_catalog_entry_of_version_1_is_read_and_a_newer_one_is_refused() {
        let (name, model) = ("v".to_owned(), Some("m".to_owned()));
        let vector = VectorV1 { name, number: 3, dim: 8, metric: 2, model, contract: None };
        let (name, vectors, roles) = ("old".to_owned(), vec![vector], vec![(1, "who".to_owned())]);
        let old = CatalogV1 { state: 1, name, created_at: 5, next_number: 4, vectors, roles };
        let body = bincode::encode_to_vec(&old, bincode::config::standard()).unwrap();
        let of_version = |version: u16| {
            let mut value = seal(Kind::Catalog, b"k", &body);
            value[4..6].copy_from_slice(&version.to_le_bytes());
            let check = check_of(&value[..12], b"k", &body);
            value[12..16].copy_from_slice(&check);
            decode::<CatalogOnDisk>(b"k", &value)
        };
        let read = of_version(1).unwrap();
        assert_eq!((read.name.as_str(), read.next_number, read.roles.len()), ("old", 4, 1));
        let vector = &read.vectors[0];
        assert_eq!((vector.number, vector.dim, vector.comparator), (3, 8, 0));
        assert_eq!(decode::<CatalogOnDisk>(b"k", &encode(b"k", &read).unwrap()), Ok(read));
        for newer in [0, 3] {
            assert!(of_version(newer).unwrap_err().contains("newer program"), "version {newer}");
        }
    }

    #[test]
    fn a_value_under_another_key_or_kind_is_noticed() {
        let value = seal(Kind::Mark, b"a", b"");
        assert_eq!(unseal(Kind::Mark, b"a", &value), Ok(&[][..]));
        assert_eq!(unseal(Kind::Mark, b"b", &value), Err("the checksum is wrong".to_owned()));
        assert!(unseal(Kind::Point, b"a", &value).unwrap_err().contains("kind 7, not 1"));
    }

    #[test]
    fn the_bytes_are_those_of_the_format_page() {
        let value = encode(b"k", &StateOnDisk { seq: 1000, next_slot: 2, live: 3 }).unwrap();
        assert_eq!(value[..12], *b"Vr\x01\x09\x01\x00\x00\x00\x05\x00\x00\x00");
        assert_eq!(value[16..], [251, 0xE8, 0x03, 2, 3]);
        let point = encode(b"k", &point(vec![b'{', b'}'], 1)).unwrap();
        assert_eq!(point[16..18], [0, 7]);
        assert_eq!(point[34..], [&[1][..], &[9; 16], &[1, 2, b'{', b'}']].concat());
    }
}
