//! Room `sources`: addresses in, bytes out: object stores, HTTP, DICOMweb, models behind HTTP.
//!
//! ```text
//! address -> [allow-list] -> pages of items -> fetch: [allow-list, machine] -> file in the spool
//! ```
//!
//! | Module | Does |
//! |---|---|
//! | `address`, `allow`, `guard` | what an address means; which prefixes and machines are allowed |
//! | `secrets` | credentials of one request: never stored, never shown |
//! | `runtime` | the private async runtime behind a face that blocks and can be cancelled |
//! | `connect`, `http`, `retry`, `retry_after` | guarded requests, redirects, attempts |
//! | `object` | S3 and Google's storage |
//! | `dicomweb` | QIDO-RS to list, WADO-RS to fetch |
//! | `source`, `item`, `spool` | the face: pages of items, and their bytes in a bounded folder |
//! | [`vertex`] | models behind HTTP: encoded pictures and texts in, vectors out |
//!
//! It never knows what the bytes mean.

mod address;
mod allow;
mod connect;
mod dicomweb;
mod error;
mod guard;
mod http;
mod item;
mod object;
mod retry;
mod retry_after;
mod runtime;
mod secrets;
mod source;
mod spool;

pub mod vertex;

pub use address::{Address, Service};
pub use allow::AllowList;
pub use error::SourceError;
pub use item::Item;
pub use object::StoreSettings;
pub use secrets::{Credentials, Secret};
pub use source::{Pages, Settings, Source, Sources};
pub use spool::{Spool, SpoolFile};

#[cfg(test)]
mod tests;
