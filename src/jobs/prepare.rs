//! One unit of work -> a raster with its payload, or a refusal. Runs on the readers' threads.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use vitrail_domain::limits::IMAGE_BYTES_MAX;
use vitrail_domain::{
    Code, CollectionName, ImageId, ImageRecord, Payload, PointId, Raster, Timestamp,
};
use vitrail_ingest::{Picture, Refusal, read_picture_guarded, thumbnail_jpeg};

use crate::identity::{image_id, point_id};

/// Something to embed.
pub struct Prepared {
    /// The point's id.
    pub id: PointId,
    /// The image that it came from.
    pub image: ImageId,
    /// The image's record and thumbnail, for a photograph; a slide's record is written once.
    pub record: Option<(ImageRecord, Option<Vec<u8>>)>,
    /// The whole payload of a new point, without the model's contract.
    pub payload: Payload,
    /// BLAKE3 of the pixels that are embedded.
    pub pixel_hash: [u8; 32],
    /// The pixels.
    pub raster: Raster,
}

/// A picture's bytes and where they come from.
pub struct Source<'a> {
    /// The collection that ids are derived from.
    pub collection: &'a CollectionName,
    /// Path relative to the root, or an upload's name.
    pub uri: &'a str,
    /// The root; `None` for an upload.
    pub root: Option<String>,
    /// Users' own fields.
    pub fields: Map<String, Value>,
    /// When the record is stored.
    pub now: Timestamp,
}

/// Reads a file whose bytes are within the bound.
///
/// # Errors
/// Unreadable, or larger than one image may be.
pub fn read_bounded(path: &Path) -> Result<Arc<[u8]>, Refusal> {
    let unreadable = |error: std::io::Error| Refusal {
        code: Code::FileUnreadable,
        message: format!("can't be read: {error}"),
    };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > IMAGE_BYTES_MAX {
        let message = format!("has {bytes} bytes, more than the limit of {IMAGE_BYTES_MAX}");
        return Err(Refusal { code: Code::ImageTooLarge, message });
    }
    Ok(std::fs::read(path).map_err(unreadable)?.into())
}

/// The id that a picture's point has, before anything is decoded.
#[must_use]
pub fn photo_id(source: &Source<'_>, digest: &[u8; 32]) -> PointId {
    point_id(source.collection, source.uri, digest, None)
}

/// Decodes a photograph and writes down where it comes from.
///
/// # Errors
/// The decoder's refusal, in a sentence.
pub fn photo(bytes: Arc<[u8]>, source: Source<'_>) -> Result<Prepared, Refusal> {
    let encoded = bytes.len() as u64;
    let picture = read_picture_guarded(bytes)?;
    let image = image_id(source.collection, source.uri, &picture.sha256);
    let thumbnail = thumbnail_jpeg(&picture.raster)?;
    let record = ImageRecord {
        id: image,
        uri: source.uri.to_owned(),
        root: source.root.clone(),
        format: picture.format.to_owned(),
        sha256: picture.sha256,
        pixel_hash: picture.pixel_hash,
        perceptual_hash: picture.perceptual_hash,
        width: u64::from(picture.raster.width()),
        height: u64::from(picture.raster.height()),
        bytes: encoded,
        mpp: None,
        stored_at: source.now,
    };
    Ok(Prepared {
        id: photo_id(&source, &picture.sha256),
        image,
        record: Some((record, Some(thumbnail))),
        payload: with_server_fields(source.fields, photo_fields(&picture, source.uri, image)),
        pixel_hash: picture.pixel_hash,
        raster: picture.raster,
    })
}

fn photo_fields(picture: &Picture, uri: &str, image: ImageId) -> Value {
    json!({
        "image": image.to_string(),
        "source": {
            "uri": uri,
            "sha256": hex(&picture.sha256),
            "pixel_hash": hex(&picture.pixel_hash),
            "phash": format!("{:016x}", picture.perceptual_hash),
        },
    })
}

/// Users' fields beside the server's own, which stand under one reserved key.
fn with_server_fields(mut fields: Map<String, Value>, server: Value) -> Payload {
    fields.insert(Payload::RESERVED.to_owned(), server);
    Payload::trusted(fields)
}

/// Lower-case hexadecimal, as checksums are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
