//! A file that lives only while somebody holds it: never synced, removed when it is dropped.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::DiskError;

/// Bytes on their way. After a crash the file is left over; whoever owns the folder empties it.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    /// Makes a new, empty file.
    ///
    /// # Errors
    /// A name that is taken, or what the system refuses.
    pub fn create(path: &Path) -> Result<Self, DiskError> {
        let opened = OpenOptions::new().write(true).create_new(true).open(path);
        let file = opened.map_err(DiskError::of("make", path))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Adds bytes at its end. Nothing is buffered here: give it large pieces.
    ///
    /// # Errors
    /// No space, or what the system refuses.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all(bytes).map_err(DiskError::of("write", &self.path))
    }

    /// Empties it, to begin again.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn clear(&mut self) -> Result<(), DiskError> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.rewind());
        cleared.map_err(DiskError::of("empty", &self.path))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is swept when the folder is opened again.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_begins_again_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut scratch = Scratch::create(&path).unwrap();
        scratch.append(b"1234").unwrap();
        scratch.clear().unwrap();
        scratch.append(b"56").unwrap();
        scratch.append(b"7").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"567");
        assert!(Scratch::create(&path).is_err());
        drop(scratch);
        assert!(!path.exists());
    }
}
