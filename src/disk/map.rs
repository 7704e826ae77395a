//! Read-only maps of files that are written once.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::error::DiskError;

/// A file's bytes, paged in as they are touched.
///
/// Only for files that nobody edits in place: ours are replaced by rename, and a map of a replaced
/// or removed file keeps the old bytes. A foreign file that is cut short while it is mapped kills
/// the process (SIGBUS) when the lost part is touched; so read small foreign files instead.
#[derive(Debug)]
pub struct Map(Option<Mmap>);

impl Map {
    /// Maps the whole of `path`.
    ///
    /// # Errors
    /// A file that is not there or can't be mapped.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        let file = File::open(path).map_err(DiskError::of("open", path))?;
        let bytes = file.metadata().map_err(DiskError::of("look at", path))?.len();
        if bytes == 0 {
            // The system maps no empty file.
            return Ok(Self(None));
        }
        // SAFETY: the map is read-only and the type gives out shared slices alone. The file must
        // not be changed while it is mapped: files of ours never are (they are written under
        // another name and renamed), which the type's documentation asks of its callers too.
        let map = unsafe { Mmap::map(&file) };
        map.map(|map| Self(Some(map))).map_err(DiskError::of("map", path))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe_write::safe_write;

    #[test]
    fn a_map_keeps_the_bytes_it_was_opened_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        safe_write(&path, b"first").unwrap();
        let map = Map::open(&path).unwrap();
        safe_write(&path, b"second").unwrap();
        assert_eq!(&*map, b"first");
        assert_eq!(&*Map::open(&path).unwrap(), b"second");
    }

    #[test]
    fn an_empty_file_maps_to_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        safe_write(&path, b"").unwrap();
        assert!(Map::open(&path).unwrap().is_empty());
    }
}
