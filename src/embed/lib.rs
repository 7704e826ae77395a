//! Room `embed`: from rasters to vectors that can be trusted.
//!
//! | Module | Does |
//! |---|---|
//! | [`manifest`], [`vocabulary`] | a model is a TOML file of closed words |
//! | [`contract`] | one hash of everything that changes numbers |
//! | [`preprocess`] | raster -> tensor, equal to Pillow and torchvision |
//! | [`runtime`] | ONNX Runtime where its library is found, else tract |
//! | [`model`] | a manifest bound to its files: verified at load, then embeds |
//! | [`serving`] | one queue a model: single queries before bulk work |
//! | [`models`] | the models of this installation by name |
//! | [`locate`] | where library and models may lie |
//!
//! It never knows slide files or collections.

mod contract;
mod error;
mod locate;
mod manifest;
mod model;
mod models;
mod preprocess;
mod runtime;
mod serving;
mod take;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use contract::ContractHash;
pub use error::EmbedError;
pub use locate::Places;
pub use manifest::Manifest;
pub use model::{Embedder, Model};
pub use models::{ModelState, Models, ModelsOptions};
pub use preprocess::Recipe;
pub use runtime::{Engine, Runtime, RuntimeChoice};
pub use serving::{Pending, Priority, Serving, cache_key};
