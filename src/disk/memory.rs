//! A disk in memory, for tests that need no files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::DiskError;
use crate::seam::{Disk, Entry};

/// Files and folders in one map; a folder has no bytes. It holds `capacity` bytes of files.
#[derive(Debug)]
pub struct MemoryDisk {
    nodes: Mutex<BTreeMap<PathBuf, Option<Vec<u8>>>>,
    capacity: u64,
}

impl MemoryDisk {
    /// An empty disk with room for `capacity` bytes.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self { nodes: Mutex::default(), capacity }
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Option<Vec<u8>>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fail(doing: &'static str, path: &Path, kind: io::ErrorKind) -> DiskError {
    DiskError::of(doing, path)(io::Error::from(kind))
}

fn used(nodes: &BTreeMap<PathBuf, Option<Vec<u8>>>) -> u64 {
    nodes.values().flatten().map(|bytes| bytes.len() as u64).sum()
}

/// Whether `folder` is there; the root and "" always are.
fn has_folder(nodes: &BTreeMap<PathBuf, Option<Vec<u8>>>, folder: &Path) -> bool {
    folder.parent().is_none() || matches!(nodes.get(folder), Some(None))
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
        match self.nodes().get(path) {
            Some(Some(bytes)) if bytes.len() as u64 <= bytes_max => Ok(bytes.clone()),
            Some(Some(_)) => Err(fail("read", path, io::ErrorKind::FileTooLarge)),
            Some(None) => Err(fail("read", path, io::ErrorKind::IsADirectory)),
            None => Err(fail("open", path, io::ErrorKind::NotFound)),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let mut nodes = self.nodes();
        if !has_folder(&nodes, path.parent().unwrap_or(Path::new(""))) {
            return Err(fail("write", path, io::ErrorKind::NotFound));
        }
        if matches!(nodes.get(path), Some(None)) {
            return Err(fail("rename to", path, io::ErrorKind::IsADirectory));
        }
        // A safe write needs room for both, the old file and the new one.
        if used(&nodes) + bytes.len() as u64 > self.capacity {
            return Err(fail("write", path, io::ErrorKind::StorageFull));
        }
        nodes.insert(path.to_path_buf(), Some(bytes.to_vec()));
        Ok(())
    }

    fn create_folder(&self, folder: &Path) -> Result<(), DiskError> {
        let mut nodes = self.nodes();
        for part in folder.ancestors().filter(|part| part.parent().is_some()) {
            match nodes.get(part) {
                Some(Some(_)) => {
                    return Err(fail("make folder", part, io::ErrorKind::AlreadyExists));
                }
                Some(None) => {}
                None => drop(nodes.insert(part.to_path_buf(), None)),
            }
        }
        Ok(())
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, DiskError> {
        let nodes = self.nodes();
        if !has_folder(&nodes, folder) {
            return Err(fail("list", folder, io::ErrorKind::NotFound));
        }
        let inside = nodes.iter().filter(|(path, _)| path.parent() == Some(folder));
        Ok(inside
            .map(|(path, bytes)| Entry {
                name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                is_folder: bytes.is_none(),
                bytes: bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            })
            .collect())
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.nodes().retain(|other, _| !other.starts_with(path));
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> Result<u64, DiskError> {
        Ok(self.capacity - used(&self.nodes()).min(self.capacity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::RealDisk;

    /// What any disk must do, so that the one in memory is an honest stand-in.
    fn behaves(disk: &dyn Disk, root: &Path) {
        let folder = root.join("a/b");
        let missing = disk.write(&folder.join("f"), b"1").unwrap_err();
        assert!(missing.is_missing(), "{missing}");
        disk.create_folder(&folder).unwrap();
        disk.write(&folder.join("f"), b"123").unwrap();
        disk.write(&folder.join("f"), b"12345").unwrap();
        disk.write(&root.join("a/z"), b"").unwrap();
        assert_eq!(disk.read(&folder.join("f"), 5).unwrap(), b"12345");
        let large = disk.read(&folder.join("f"), 4).unwrap_err();
        assert_eq!(large.source.kind(), io::ErrorKind::FileTooLarge);
        let names = |folder: &Path| -> Vec<(String, bool)> {
            let listed = disk.list(folder).unwrap();
            listed.into_iter().map(|entry| (entry.name, entry.is_folder)).collect()
        };
        assert_eq!(names(&root.join("a")), [("b".to_owned(), true), ("z".to_owned(), false)]);
        assert!(disk.create_folder(&root.join("a/z")).is_err());
        assert!(disk.write(&folder, b"1").is_err());
        disk.remove(&root.join("a/b")).unwrap();
        disk.remove(&root.join("a/b")).unwrap();
        assert_eq!(names(&root.join("a")), [("z".to_owned(), false)]);
        assert!(disk.list(&folder).unwrap_err().is_missing());
        assert!(disk.read(&folder.join("f"), 9).unwrap_err().is_missing());
        assert!(disk.free_bytes(root).unwrap() > 0);
    }

    #[test]
    fn memory_and_the_real_disk_behave_alike() {
        let folder = tempfile::tempdir().unwrap();
        behaves(&RealDisk, folder.path());
        behaves(&MemoryDisk::new(1 << 20), Path::new("/"));
    }

    #[test]
    fn a_full_disk_keeps_the_old_file() {
        let disk = MemoryDisk::new(4);
        disk.write(Path::new("/f"), b"123").unwrap();
        assert!(disk.write(Path::new("/f"), b"45").unwrap_err().is_no_space());
        assert_eq!(disk.read(Path::new("/f"), 9).unwrap(), b"123");
    }
}
