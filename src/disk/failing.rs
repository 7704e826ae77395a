//! A disk that fails when told to, for tests of what happens then.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::DiskError;
use crate::seam::{Disk, Entry};

/// Passes calls on to another disk, and fails them from the n-th on until it is mended.
#[derive(Debug)]
pub struct FailingDisk<D> {
    inner: D,
    kind: io::ErrorKind,
    /// Calls that still succeed; `u64::MAX` for all.
    left: AtomicU64,
    calls: AtomicU64,
}

impl<D: Disk> FailingDisk<D> {
    /// Fails with `kind`, once told to.
    pub fn new(inner: D, kind: io::ErrorKind) -> Self {
        Self { inner, kind, left: AtomicU64::new(u64::MAX), calls: AtomicU64::new(0) }
    }

    /// Lets `calls` more succeed, then none.
    pub fn fail_after(&self, calls: u64) {
        self.left.store(calls, Ordering::SeqCst);
    }

    /// Lets all succeed again.
    pub fn mend(&self) {
        self.left.store(u64::MAX, Ordering::SeqCst);
    }

    /// Calls so far, failed ones too.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn allow(&self, doing: &'static str, path: &Path) -> Result<(), DiskError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let spend = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(1) };
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend) {
            Ok(_) => Ok(()),
            Err(_) => Err(DiskError::of(doing, path)(io::Error::from(self.kind))),
        }
    }
}

impl<D: Disk> Disk for FailingDisk<D> {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
        self.allow("read", path)?;
        self.inner.read(path, bytes_max)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.allow("write", path)?;
        self.inner.write(path, bytes)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), DiskError> {
        self.allow("make folder", folder)?;
        self.inner.create_folder(folder)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, DiskError> {
        self.allow("list", folder)?;
        self.inner.list(folder)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.allow("remove", path)?;
        self.inner.remove(path)
    }

    /// Fails like the others; with `StorageFull` it says 0 instead, as a full disk does.
    fn free_bytes(&self, path: &Path) -> Result<u64, DiskError> {
        match self.allow("ask for the free space of", path) {
            Ok(()) => self.inner.free_bytes(path),
            Err(error) if error.is_no_space() => Ok(0),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryDisk;

    #[test]
    fn the_third_call_fails_until_mended() {
        let disk = FailingDisk::new(MemoryDisk::new(99), io::ErrorKind::StorageFull);
        disk.fail_after(2);
        let path = Path::new("/f");
        disk.write(path, b"1").unwrap();
        disk.write(path, b"2").unwrap();
        assert!(disk.write(path, b"3").unwrap_err().is_no_space());
        assert_eq!(disk.free_bytes(path).unwrap(), 0);
        disk.mend();
        assert_eq!(disk.read(path, 1).unwrap(), b"2");
        assert_eq!(disk.calls(), 5);
    }
}
