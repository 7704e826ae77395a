//! Images on the wire.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vitrail_domain::{ImageRecord, Mpp, PointId};

use crate::contract::id::Id;

/// One image: a file or a slide.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Image {
    /// Its id, a UUID.
    pub id: String,
    /// Where it was read: a path relative to its root, or an upload's name.
    pub uri: String,
    /// `jpeg`, `png`, `tiff`, `webp`, `bmp`, `svs`, `ome_tiff`, `tiled_tiff`, or a vendor's slide:
    /// `ndpi`, `mrxs`, `scn`, `bif`, `vms`, `svslide`, `czi`, `trestle`, `philips`.
    pub format: String,
    /// Pixels across, at level 0.
    pub width: u64,
    /// Pixels down, at level 0.
    pub height: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Micrometres per pixel at level 0, for slides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mpp: Option<f64>,
    /// RFC 3339, UTC.
    pub stored_at: String,
    /// Its first points, at most 64: a slide has thousands of tiles, which are found by a filter on
    /// `vitrail.image`.
    pub points: Vec<Id>,
}

/// A page of images.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ImageList {
    /// In order of their ids.
    pub images: Vec<Image>,
    /// What to give as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// Which page of images.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImagesQuery {
    /// Images of a page, 1 to 1,000; 50 when absent.
    pub limit: Option<usize>,
    /// The image after which the page starts.
    pub after: Option<String>,
    /// A filter as JSON text: images with a point that passes.
    pub filter: Option<String>,
}

/// Which tiles are drawn, and how large.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GridQuery {
    /// Only tiles of this scale, in micrometres per pixel.
    pub mpp: Option<f64>,
    /// Pixels of the longest side, 1 to 4,096; 2,048 when absent.
    pub side: Option<u32>,
}

/// Which tiles are given.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TilesQuery {
    /// Only tiles of this scale, in micrometres per pixel.
    pub mpp: Option<f64>,
    /// Tiles at most; 300,000 when absent.
    pub limit: Option<usize>,
    /// A filter as JSON text.
    pub filter: Option<String>,
}

/// The image on the wire with its points.
#[must_use]
pub fn image(record: &ImageRecord, points: impl IntoIterator<Item = PointId>) -> Image {
    Image {
        id: record.id.to_string(),
        uri: record.uri.clone(),
        format: record.format.clone(),
        width: record.width,
        height: record.height,
        bytes: record.bytes,
        sha256: record.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        mpp: record.mpp.map(Mpp::get),
        stored_at: record.stored_at.rfc3339(),
        points: points.into_iter().map(Id::from).collect(),
    }
}
