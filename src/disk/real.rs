//! The real disk.

use std::path::Path;

use crate::error::DiskError;
use crate::folder::{create_dir_synced, list, remove_tree};
use crate::read::{free_bytes, read_bounded};
use crate::safe_write::safe_write;
use crate::seam::{Disk, Entry};

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
        read_bounded(path, bytes_max)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        safe_write(path, bytes)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), DiskError> {
        create_dir_synced(folder)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, DiskError> {
        list(folder)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        remove_tree(path)
    }

    fn free_bytes(&self, path: &Path) -> Result<u64, DiskError> {
        free_bytes(path)
    }
}
