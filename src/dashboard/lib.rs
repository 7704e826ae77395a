//! The web app's built files, embedded. It speaks REST like any client and knows no other room.

mod files;

pub use files::{CONTENT_SECURITY_POLICY, File, file, is_built};
