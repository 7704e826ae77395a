//! One object of a source.

/// One object, as a listing names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its whole address: what identity and payload keep, and where a listing goes on after.
    pub uri: String,
    /// Its bytes, where the listing says so.
    pub bytes: Option<u64>,
}
