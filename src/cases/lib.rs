//! Room `cases`: picture, id or vector -> explained answer; one code for REST and command line.
//!
//! | Module | Does |
//! |---|---|
//! | [`similar`] | the similar-case search |
//! | [`identity`] | whose picture the query is, so that its own patient can be left out |
//! | [`models`] | what there is to know of the installed models |
//! | [`predict`] | pictures and texts -> vectors, and what a model does to a picture |
//! | [`retrieval`] | how good a collection's neighbours are |
//! | [`vectors`] | pictures -> vectors for files, without a store |
//! | [`thumbnail`] | pictures in small, regions of slides, and the files they come from |
//! | [`deep_zoom`] | slides as Deep Zoom pyramids |
//! | [`overlays`] | tissue and tiles to lay over a slide |
//! | [`cuts`] | open slides and cut pictures, the few used last |
//!
//! It never knows HTTP, nor how anything is stored.

mod cuts;
mod deep_zoom;
mod error;
mod identity;
mod models;
mod named;
mod overlays;
mod predict;
mod retrieval;
mod similar;
mod thumbnail;
mod vectors;

pub use deep_zoom::DeepZoom;
pub use error::CaseError;
pub use models::{Made, ModelCard, ModelStanding, model_card, model_cards};
pub use named::Original;
pub use predict::{Explanation, Patch, PatchRequest, PredictError, Speaks};
pub use retrieval::{Retrieval, RetrievalRequest, retrieval};
pub use similar::{Cases, Similar, SimilarRequest, Subject};
pub use vectors::{Embedded, PictureVector, RefusedPicture};

pub use vitrail_embed::{Check, Report, VertexSchema};
