//! Room `embed`: from rasters to vectors that can be trusted.
//!
//! | Module | Does |
//! |---|---|
//! | [`manifest`], [`vocabulary`], [`check`] | a model is a TOML file of closed words |
//! | [`contract`] | one hash of everything that changes numbers |
//! | [`preprocess`] | raster -> tensor, equal to Pillow and torchvision |
//! | [`runtime`] | ONNX Runtime where its library is found, else tract |
//! | [`presets`], [`bind`] | manifests that come with the program, bound to a user's files |
//! | [`import`] | manifests from the configurations of other programs |
//! | [`pipeline`], [`graphs`], [`sessions`] | linked graphs: pixels and tokens in, outputs out |
//! | [`text`] | text -> token numbers |
//! | [`take`] | a graph's output -> one vector, or many |
//! | [`model`] | a manifest bound to its files: pictures become vectors |
//! | [`remote`] | the seam to models that run elsewhere |
//! | [`explain`] | the recipe step by step, and what the network sees |
//! | [`verify`], [`stamps`] | the checks of registration; passed ones are remembered |
//! | [`serving`] | one queue a model: single queries before bulk work |
//! | [`models`] | the models of this installation by name |
//! | [`locate`] | where library and models may lie |
//!
//! It never knows slide files or collections.

mod bind;
mod check;
mod contract;
mod error;
mod explain;
mod graphs;
mod import;
mod locate;
mod manifest;
mod model;
mod models;
mod pipeline;
mod preprocess;
mod presets;
mod remote;
mod runtime;
mod serving;
mod sessions;
mod stamps;
mod take;
#[cfg(test)]
mod tests;
mod text;
mod verify;
mod vocabulary;

pub use bind::{Bound, bind};
pub use contract::ContractHash;
pub use error::EmbedError;
pub use explain::Explained;
pub use import::{Imported, import};
pub use locate::Places;
pub use manifest::Manifest;
pub use model::{Embedder, Model};
pub use models::{ModelState, Models, ModelsOptions};
pub use preprocess::{Recipe, opencv_resize};
pub use presets::Preset;
pub use remote::{Remote, Transport};
pub use runtime::{Engine, Runtime, RuntimeChoice};
pub use serving::{Pending, Priority, Serving, cache_key};
pub use verify::{Check, Report};
pub use vocabulary::{ModelKind, VertexSchema, Verified};
