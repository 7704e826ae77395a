//! What the server works with, and where it may listen.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use vitrail_cases::Cases;
use vitrail_collection::{Catalog, Collection};
use vitrail_domain::Code;
use vitrail_jobs::Jobs;

use crate::error::ApiError;

/// A file of the dashboard.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its bytes.
    pub bytes: &'static [u8],
    /// Its media type.
    pub content_type: &'static str,
    /// The entity tag, quotes included.
    pub etag: &'static str,
    /// How long it may be kept.
    pub cache_control: &'static str,
}

/// The dashboard, as the root hands it over.
#[derive(Debug, Clone, Copy)]
pub struct Dashboard {
    /// Looks a file up by its path below `/dashboard/`; the empty path is the page itself.
    pub file: fn(&str) -> Option<File>,
    /// The content security policy of each of its answers.
    pub policy: &'static str,
}

/// What the server works with.
#[derive(Clone)]
pub struct ApiState {
    /// Collections.
    pub catalog: Arc<Catalog>,
    /// Searches and thumbnails.
    pub cases: Cases,
    /// Long work.
    pub jobs: Arc<Jobs>,
    /// Folders whose files may be ingested by path.
    pub roots: Vec<PathBuf>,
    /// The key that callers must send.
    pub key: Option<String>,
    /// The address listened on.
    pub listen: SocketAddr,
    /// The program's name.
    pub title: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The commit that it was built from.
    pub commit: &'static str,
    /// The dashboard.
    pub dashboard: Dashboard,
}

impl ApiState {
    /// The collection of this name.
    ///
    /// # Errors
    /// Not a name, or no such collection.
    pub fn collection(&self, name: &str) -> Result<Arc<Collection>, ApiError> {
        Ok(self.catalog.get(&name.parse()?)?)
    }

    /// A path from outside, links resolved, if it lies under a folder that may be read. What lies
    /// outside is refused alike whether it exists or not.
    ///
    /// # Errors
    /// Outside every root; or inside one and unreadable.
    pub fn allowed(&self, field: &str, path: &str) -> Result<PathBuf, ApiError> {
        let forbidden = || {
            let message = format!("{path} is not under a folder that this server may read");
            ApiError::new(Code::ForbiddenPath, message).at(field)
        };
        let roots = || self.roots.iter().filter_map(|root| root.canonicalize().ok());
        let given = Path::new(path);
        match given.canonicalize() {
            Ok(real) if roots().any(|root| real.starts_with(root)) => Ok(real),
            Ok(_) => Err(forbidden()),
            Err(error) => {
                let climbs = given.components().any(|part| part == std::path::Component::ParentDir);
                let mut all = roots().chain(self.roots.iter().cloned());
                if climbs || !all.any(|root| given.starts_with(root)) {
                    return Err(forbidden());
                }
                Err(ApiError::new(Code::FileUnreadable, format!("{path}: {error}")).at(field))
            }
        }
    }
}

/// Why the server may not listen there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ListenError {
    /// Everybody on the network could read and write.
    #[error("{0} can be reached from other machines, so a key is needed: give --key-file")]
    NoKey(SocketAddr),
    /// A key that anybody can guess.
    #[error("the key has {0} characters; it needs {KEY_CHARS_MIN} at least")]
    ShortKey(usize),
}

/// Characters of a key: 16 of base64 are 96 bits, which nobody guesses.
const KEY_CHARS_MIN: usize = 16;

/// Whether the server may listen at this address with this key.
///
/// # Errors
/// An address that other machines can reach without a key; a key that can be guessed.
pub fn check_listen(listen: SocketAddr, key: Option<&str>) -> Result<(), ListenError> {
    match key {
        Some(key) if key.chars().count() < KEY_CHARS_MIN => {
            Err(ListenError::ShortKey(key.chars().count()))
        }
        None if !listen.ip().is_loopback() => Err(ListenError::NoKey(listen)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_door_needs_a_key() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert_eq!(check_listen(at("127.0.0.1:7700"), None), Ok(()));
        assert_eq!(check_listen(at("[::1]:7700"), None), Ok(()));
        assert!(check_listen(at("0.0.0.0:7700"), None).is_err());
        assert!(check_listen(at("192.0.2.1:7700"), Some("short")).is_err());
        assert_eq!(check_listen(at("0.0.0.0:7700"), Some("0123456789abcdef")), Ok(()));
    }
}
