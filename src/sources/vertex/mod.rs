//! Models behind HTTP: the REST face of Google's containers, on Vertex AI or by themselves.
//!
//! ```text
//! encoded pictures -> batches within the bounds -> requests -> one answer a picture, in order
//! ```
//!
//! A picture that the model refuses is one refused picture; its neighbours have their vectors.

mod answer;
mod container;
mod model;

pub use container::Container;
pub use model::{Shape, VertexModel, VertexOptions};
