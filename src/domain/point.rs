//! What is written: points, changes to them, and the images they came from.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::ids::{ImageId, PointId, Slot, VectorName};
use crate::payload::{Path, Payload, PayloadSource};
use crate::units::Mpp;
use crate::vector::Vector;

/// One point as a writer hands it over.
#[derive(Debug, Clone, PartialEq)]
pub struct PointWrite {
    /// The point's id; an existing point of this id is replaced as far as the fields here go.
    pub id: PointId,
    /// The image that the point came from, if it came from one.
    pub image: Option<ImageId>,
    /// The whole new payload; `None` keeps what is there (nothing, for a new point).
    pub payload: Option<Payload>,
    /// Vectors by name; names that are absent keep what is there.
    pub vectors: BTreeMap<VectorName, Vector>,
}

/// One point as it is stored, without its vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct PointRecord {
    /// The point's id.
    pub id: PointId,
    /// The image that it came from.
    pub image: Option<ImageId>,
    /// Its fields.
    pub payload: Payload,
}

/// Looks points up by slot and by id: the store, or a map in tests.
pub trait RecordSource: PayloadSource {
    /// The record of a live slot; `None` for one that is gone.
    fn record(&self, slot: Slot) -> Option<PointRecord>;
    /// The slot of a live point.
    fn slot(&self, id: PointId) -> Option<Slot>;
}

/// Reads the rows of one multi-vector name by slot: the store, or a map in tests.
pub trait RowsSource: Send + Sync {
    /// Puts the components of a live slot's rows, one row after another as written, into `values`,
    /// which is emptied first. Whether there are any. One buffer serves many slots.
    fn rows(&self, slot: Slot, values: &mut Vec<f32>) -> bool;
}

/// One change to a collection; a batch of them is durable as a whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Adds or replaces a point.
    Upsert(PointWrite),
    /// Merges top-level fields into a point's payload; a point that is not there is passed over.
    MergePayload(PointId, Map<String, Value>),
    /// Takes paths out of a point's payload.
    RemovePayload(PointId, Vec<Path>),
    /// Takes a point out; one that is not there is passed over.
    Delete(PointId),
}

/// One image: a file or a slide, with one or more points.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRecord {
    /// The image's id.
    pub id: ImageId,
    /// Where it was read: a path relative to its root, or an upload's name.
    pub uri: String,
    /// The folder that `uri` is relative to; `None` for an upload, kept in the store's `blobs/`.
    pub root: Option<String>,
    /// What decodes it: `jpeg`, `png`, `tiff`, `webp`, `bmp`, `svs`, `ome_tiff`, `tiled_tiff`.
    pub format: String,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
    /// BLAKE3 of the decoded pixels after orientation; of the picture in small for a slide.
    pub pixel_hash: [u8; 32],
    /// 64-bit difference hash of the grey 9 x 8 picture.
    pub perceptual_hash: u64,
    /// Pixels across, at level 0.
    pub width: u64,
    /// Pixels down, at level 0.
    pub height: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Micrometres per pixel at level 0, for slides.
    pub mpp: Option<Mpp>,
    /// When it was first stored.
    pub stored_at: Timestamp,
}
