//! A few bytes that are rewritten in place: for hints that may be lost, never for the truth.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::DiskError;

/// A small file whose first `N` bytes are replaced by one positioned write, without a sync.
#[derive(Debug)]
pub struct MarkFile<const N: usize> {
    file: File,
    path: PathBuf,
}

impl<const N: usize> MarkFile<N> {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(DiskError::of("open", path))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// The bytes there are; `None` for a new or short file.
    #[must_use]
    pub fn get(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact_at(&mut bytes, 0).ok().map(|()| bytes)
    }

    /// Replaces the bytes: one system call, about a microsecond.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn set(&self, bytes: [u8; N]) -> Result<(), DiskError> {
        self.file.write_all_at(&bytes, 0).map_err(DiskError::of("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_by_another_opening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let mark = MarkFile::<4>::open(&path).unwrap();
        assert_eq!(mark.get(), None);
        mark.set([1, 2, 3, 4]).unwrap();
        mark.set([5, 6, 7, 8]).unwrap();
        assert_eq!(MarkFile::<4>::open(&path).unwrap().get(), Some([5, 6, 7, 8]));
    }
}
