//! The seam between whoever keeps small whole files and the disk: real, in memory, failing.

use std::fmt::Debug;
use std::path::Path;

use crate::error::DiskError;

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last part of its path.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Bytes of a file; of a folder, what the system says.
    pub bytes: u64,
}

/// What a keeper of whole files asks of a disk. Every change is durable when the call returns.
pub trait Disk: Send + Sync + Debug {
    /// The whole of a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Not there, too large, or unreadable.
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError>;

    /// Replaces a file in one step.
    ///
    /// # Errors
    /// No space, or the folder is not there; the file is then as it was.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError>;

    /// Makes a folder and its missing parents.
    ///
    /// # Errors
    /// A file is in the way.
    fn create_folder(&self, folder: &Path) -> Result<(), DiskError>;

    /// What is in a folder, sorted by name.
    ///
    /// # Errors
    /// Not there.
    fn list(&self, folder: &Path) -> Result<Vec<Entry>, DiskError>;

    /// Removes a file, or a folder with all that is in it; nothing there is fine.
    ///
    /// # Errors
    /// What the system refuses.
    fn remove(&self, path: &Path) -> Result<(), DiskError>;

    /// Bytes that may still be written beside `path`.
    ///
    /// # Errors
    /// Not there.
    fn free_bytes(&self, path: &Path) -> Result<u64, DiskError>;
}
