//! One unit of work -> a raster with its payload, or a refusal. Runs on the readers' threads.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use vitrail_domain::{CollectionName, ImageId, ImageRecord, Payload, PointId, Raster, Timestamp};
use vitrail_ingest::quality::{Subject, judge};
use vitrail_ingest::slide::TileBox;
use vitrail_ingest::{
    Picture, ReadOptions, Refusal, catch_panic, encode_png, perceptual_hash, pixel_hash,
    read_picture_guarded_with, sha256, thumbnail_jpeg,
};

use crate::dicom::deid;
use crate::identity::{image_id, point_id};
use crate::slides::OpenSlide;

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
    /// What an upload is kept as, where its own bytes may not stay.
    pub kept: Option<Vec<u8>>,
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
    /// How it is read.
    pub read: &'a ReadOptions,
    /// When the record is stored.
    pub now: Timestamp,
}

/// The id that a picture's point has, before anything is decoded.
#[must_use]
pub fn photo_id(source: &Source<'_>, digest: &[u8; 32]) -> PointId {
    point_id(source.collection, source.uri, digest, None)
}

/// Bytes with their SHA-256, which is taken once.
pub struct Hashed {
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// Their digest.
    pub sha256: [u8; 32],
}

impl From<Arc<[u8]>> for Hashed {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self { sha256: sha256(&bytes), bytes }
    }
}

/// Decodes a photograph and writes down where it comes from.
///
/// # Errors
/// The decoder's refusal, in a sentence.
pub fn photo(hashed: Hashed, source: Source<'_>) -> Result<Prepared, Refusal> {
    let Hashed { bytes, sha256 } = hashed;
    let encoded = bytes.len() as u64;
    let picture = read_picture_guarded_with(bytes, source.read.clone())?;
    let image = image_id(source.collection, source.uri, &sha256);
    let thumbnail = thumbnail_jpeg(&picture.raster)?;
    let uri = stored_uri(&source, &picture);
    let kept = kept(&source, &picture)?;
    let record = ImageRecord {
        id: image,
        uri: uri.clone(),
        root: source.root.clone(),
        format: picture.format.to_owned(),
        sha256: kept.as_deref().map_or(sha256, vitrail_ingest::sha256),
        pixel_hash: picture.pixel_hash,
        perceptual_hash: picture.perceptual_hash,
        width: u64::from(picture.raster.width()),
        height: u64::from(picture.raster.height()),
        bytes: kept.as_ref().map_or(encoded, |kept| kept.len() as u64),
        mpp: None,
        stored_at: source.now,
    };
    let mut server = json!({
        "image": image.to_string(),
        "source": source_fields(&uri, &sha256, &picture.pixel_hash, picture.perceptual_hash),
        "qc": judge(&picture.raster, Subject::Photograph).to_json(),
    });
    if let (Some(server), Some(words)) = (server.as_object_mut(), picture.dicom) {
        server.insert("dicom".to_owned(), words);
    }
    Ok(Prepared {
        kept,
        id: photo_id(&source, &sha256),
        image,
        record: Some((record, Some(thumbnail))),
        payload: with_server_fields(source.fields, server),
        pixel_hash: picture.pixel_hash,
        raster: picture.raster,
    })
}

/// The path or name that is kept: a pseudonym where it may name a person.
fn stored_uri(source: &Source<'_>, picture: &Picture) -> String {
    match picture.dicom {
        Some(_) => deid(source.read).file_name(source.uri),
        None => source.uri.to_owned(),
    }
}

/// An upload's bytes are kept, and those of a DICOM file name a person: its pixels are, as a PNG.
fn kept(source: &Source<'_>, picture: &Picture) -> Result<Option<Vec<u8>>, Refusal> {
    let upload = source.root.is_none() && picture.dicom.is_some();
    upload.then(|| encode_png(&picture.raster)).transpose()
}

/// The id that a tile's point has, before anything is decoded.
#[must_use]
pub fn tile_id(collection: &CollectionName, open: &OpenSlide, tile: &TileBox) -> PointId {
    let place = Some((tile.region, tile.mpp));
    point_id(collection, &open.file.relative, &open.sha256, place)
}

/// A tile's point, and that of the tile around it.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The tile's own.
    pub id: PointId,
    /// The next coarser one's.
    pub parent: Option<PointId>,
}

/// Reads one tile at its scale.
///
/// # Errors
/// A damaged tile, in a sentence.
pub fn tile(place: Place, open: &OpenSlide, tile: &TileBox) -> Result<Prepared, Refusal> {
    let side = open.tile_px;
    let raster = catch_panic(|| Ok(open.slide.region_at(tile.region, side, side)?))?;
    let hash = pixel_hash(&raster);
    let mut server = json!({
        "image": open.image.to_string(),
        "source":
            source_fields(&open.uri, &open.sha256, &hash, perceptual_hash(&raster)),
        "tile": {
            "x": tile.region.x,
            "y": tile.region.y,
            "width": tile.region.width,
            "height": tile.region.height,
            "level": tile.level,
            "mpp": tile.mpp.get(),
            "mpp_origin": open.mpp_origin,
            "column": tile.column,
            "row": tile.row,
            "parent": place.parent.map(|id| id.to_string()),
        },
        "qc": judge(&raster, Subject::Tile(Some(tile.tissue))).to_json(),
    });
    if let (Some(server), Some(words)) = (server.as_object_mut(), &open.dicom) {
        server.insert("dicom".to_owned(), words.clone());
    }
    Ok(Prepared {
        id: place.id,
        image: open.image,
        record: None,
        payload: with_server_fields(open.fields.clone(), server),
        pixel_hash: hash,
        raster,
        kept: None,
    })
}

fn source_fields(uri: &str, sha256: &[u8; 32], pixel_hash: &[u8; 32], phash: u64) -> Value {
    json!({
        "uri": uri,
        "sha256": hex(sha256),
        "pixel_hash": hex(pixel_hash),
        "phash": format!("{phash:016x}"),
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
