//! Reading whole files within a bound, and asking how much room is left.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::DiskError;

/// The whole of `path`, at most `bytes_max` bytes of it.
///
/// # Errors
/// A file that is not there, can't be read, or is larger (`io::ErrorKind::FileTooLarge`).
pub fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
    let file = File::open(path).map_err(DiskError::of("open", path))?;
    let known = file.metadata().map_err(DiskError::of("look at", path))?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(known.min(bytes_max)).unwrap_or(0));
    // The length may change while we read: the bound holds for what is read, not for what was said.
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(DiskError::of("read", path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(DiskError::of("read", path)(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(bytes)
}

/// Bytes that an ordinary user may still write on the file system of `path`.
///
/// # Errors
/// A path that is not there.
pub fn free_bytes(path: &Path) -> Result<u64, DiskError> {
    let told = rustix::fs::statvfs(path)
        .map_err(|error| DiskError::of("ask for the free space of", path)(error.into()))?;
    Ok(told.f_bavail.saturating_mul(told.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe_write::safe_write;

    #[test]
    fn the_bound_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        safe_write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        let error = read_bounded(&path, 4).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::FileTooLarge);
        assert!(free_bytes(folder.path()).unwrap() > 0);
    }
}
