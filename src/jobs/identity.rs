//! Ids of images and points. The same file from the same place is the same point, whatever model
//! embeds it, so an ingest that is run again skips what is there and a killed one resumes.

use uuid::Uuid;
use vitrail_domain::{CollectionName, ImageId, Mpp, PointId, Region};

/// The name space of all ids derived here: UUIDv5 of the DNS-less name `vitrail` under the nil
/// UUID, fixed for ever.
const SPACE: Uuid = Uuid::from_u128(0x6c1f_0a0e_5e0b_5d2a_9a53_57a1_7241_11fe);

/// The id of an image: collection, place and bytes.
#[must_use]
pub fn image_id(collection: &CollectionName, uri: &str, sha256: &[u8; 32]) -> ImageId {
    ImageId(Uuid::new_v5(&SPACE, &key("image", collection, uri, sha256)))
}

/// The id of a point: its image's key, and for a tile its level-0 box and scale.
#[must_use]
pub fn point_id(
    collection: &CollectionName,
    uri: &str,
    sha256: &[u8; 32],
    tile: Option<(Region, Mpp)>,
) -> PointId {
    let mut bytes = key("point", collection, uri, sha256);
    if let Some((region, mpp)) = tile {
        for number in [region.x, region.y, region.width, region.height] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&mpp.get().to_le_bytes());
    }
    PointId::Uuid(Uuid::new_v5(&SPACE, &bytes))
}

/// Parts with their lengths before them, so that no two lists of parts make the same bytes.
fn key(kind: &str, collection: &CollectionName, uri: &str, sha256: &[u8; 32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96 + uri.len());
    for part in [kind.as_bytes(), collection.as_str().as_bytes(), uri.as_bytes(), sha256] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_place_bytes_and_box() {
        let name: CollectionName = "skin".parse().expect("a name");
        let mpp = Mpp::new(0.5).expect("a scale");
        let tile = |x| Some((Region { x, y: 0, width: 224, height: 224 }, mpp));
        let ids = [
            point_id(&name, "a.jpg", &[1; 32], None),
            point_id(&name, "b.jpg", &[1; 32], None),
            point_id(&name, "a.jpg", &[2; 32], None),
            point_id(&name, "a.jpg", &[1; 32], tile(0)),
            point_id(&name, "a.jpg", &[1; 32], tile(224)),
        ];
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(ids[0], point_id(&name, "a.jpg", &[1; 32], None));
    }
}
