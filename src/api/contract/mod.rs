//! The wire types of REST and of the command line's `--json`, and their way from and to the nouns.

pub mod collection;
pub mod credentials;
pub mod error;
pub mod facets;
pub mod filter;
pub mod geojson;
pub mod id;
pub mod image;
pub mod ingest;
pub mod job;
pub mod metric;
pub mod model;
pub mod point;
pub mod predict;
pub mod similar;
pub mod vector;
