//! A folder for the files of one measurement, removed with it.

use std::path::{Path, PathBuf};

use vitrail_disk::remove_tree;

/// A folder of this process below the system's folder for temporary files.
pub(super) struct ScratchFolder(PathBuf);

impl ScratchFolder {
    pub(super) fn new(name: &str) -> Self {
        let unique = uuid::Uuid::new_v4().simple();
        Self(std::env::temp_dir().join(format!("vitrail-bench-{name}-{unique}")))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "a scratch folder stays");
        }
    }
}
