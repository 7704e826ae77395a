//! Key bytes (`schemas/formats/store.md`): big-endian, so that byte order is number order.

use uuid::Uuid;
use vitrail_domain::{ImageId, PointId, Seq, Slot};

/// Tag of a hash key: SHA-256 of the file.
pub(crate) const HASH_FILE: u8 = 1;
/// Tag of a hash key: BLAKE3 of the pixels.
pub(crate) const HASH_PIXELS: u8 = 2;

/// An id as key: 9 bytes for a number, 17 for a UUID.
#[derive(Clone, Copy)]
pub(crate) struct IdKey {
    bytes: [u8; 17],
    len: usize,
}

impl AsRef<[u8]> for IdKey {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

pub(crate) fn id(id: PointId) -> IdKey {
    let mut bytes = [0; 17];
    match id {
        PointId::Number(number) => {
            bytes[1..9].copy_from_slice(&number.to_be_bytes());
            IdKey { bytes, len: 9 }
        }
        PointId::Uuid(uuid) => {
            bytes[0] = 1;
            bytes[1..].copy_from_slice(uuid.as_bytes());
            IdKey { bytes, len: 17 }
        }
    }
}

/// Reads what [`id`] wrote.
pub(crate) fn parse_id(key: &[u8]) -> Option<PointId> {
    match key.split_first()? {
        (0, rest) => Some(PointId::Number(u64::from_be_bytes(rest.try_into().ok()?))),
        (1, rest) => Some(PointId::Uuid(Uuid::from_bytes(rest.try_into().ok()?))),
        _ => None,
    }
}

pub(crate) fn slot(slot: Slot) -> [u8; 4] {
    slot.0.to_be_bytes()
}

pub(crate) fn parse_slot(key: &[u8]) -> Option<Slot> {
    Some(Slot(u32::from_be_bytes(key.try_into().ok()?)))
}

pub(crate) fn seq(seq: Seq) -> [u8; 8] {
    seq.0.to_be_bytes()
}

pub(crate) fn parse_seq(key: &[u8]) -> Option<Seq> {
    Some(Seq(u64::from_be_bytes(key.try_into().ok()?)))
}

pub(crate) fn vector(number: u16, slot: Slot) -> [u8; 6] {
    let mut key = [0; 6];
    key[..2].copy_from_slice(&number.to_be_bytes());
    key[2..].copy_from_slice(&slot.0.to_be_bytes());
    key
}

pub(crate) fn parse_vector(key: &[u8]) -> Option<(u16, Slot)> {
    let (number, slot) = key.split_first_chunk()?;
    Some((u16::from_be_bytes(*number), parse_slot(slot)?))
}

pub(crate) fn image_point(image: ImageId, slot: Slot) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(image.0.as_bytes());
    key[16..].copy_from_slice(&slot.0.to_be_bytes());
    key
}

pub(crate) fn parse_image_point(key: &[u8]) -> Option<(ImageId, Slot)> {
    let (image, slot) = key.split_first_chunk()?;
    Some((ImageId(Uuid::from_bytes(*image)), parse_slot(slot)?))
}

pub(crate) fn parse_uuid(key: &[u8]) -> Option<Uuid> {
    Some(Uuid::from_bytes(key.try_into().ok()?))
}

/// All images of one hash share the first 33 bytes.
pub(crate) fn hash(tag: u8, hash: &[u8; 32], image: ImageId) -> [u8; 49] {
    let mut key = [0; 49];
    key[0] = tag;
    key[1..33].copy_from_slice(hash);
    key[33..].copy_from_slice(image.0.as_bytes());
    key
}

pub(crate) fn refusal(job: Uuid, number: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(job.as_bytes());
    key[16..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The least key above every key that starts with `prefix`; `None` when there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_read_as_written_and_order_as_numbers(
            a: u64, b: u64, x: u32, y: u32, uuid: u128,
        ) {
            for point in [PointId::Number(a), PointId::Uuid(Uuid::from_u128(uuid))] {
                prop_assert_eq!(parse_id(id(point).as_ref()), Some(point));
            }
            let (of_a, of_b) = (id(PointId::Number(a)), id(PointId::Number(b)));
            prop_assert_eq!(of_a.as_ref().cmp(of_b.as_ref()), a.cmp(&b));
            prop_assert_eq!(seq(Seq(a)).cmp(&seq(Seq(b))), a.cmp(&b));
            prop_assert_eq!(slot(Slot(x)).cmp(&slot(Slot(y))), x.cmp(&y));
            prop_assert_eq!(parse_vector(&vector(7, Slot(x))), Some((7, Slot(x))));
            let image = ImageId(Uuid::from_u128(uuid));
            let key = image_point(image, Slot(x));
            prop_assert_eq!(parse_image_point(&key), Some((image, Slot(x))));
        }

        #[test]
        fn after_prefix_is_above_all_that_start_with_it(prefix: Vec<u8>, tail: Vec<u8>) {
            let key = [prefix.as_slice(), &tail].concat();
            if let Some(after) = after_prefix(&prefix) {
                prop_assert!(key < after);
            }
        }
    }
}
