//! Uploads, kept as files under the SHA-256 of their bytes.

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use vitrail_domain::limits::IMAGE_BYTES_MAX;

use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Keeps `bytes`; the same bytes are kept once. Durable when this returns.
    ///
    /// # Errors
    /// Above `IMAGE_BYTES_MAX`, no space, or a failing disk.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
        let got = bytes.len() as u64;
        if got > IMAGE_BYTES_MAX {
            let max = IMAGE_BYTES_MAX;
            return Err(StoreError::TooLarge { what: "bytes of an upload", got, max });
        }
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let path = self.blob_path(&hash);
        let disk = &self.options().disk;
        // A damaged file of this name is mended.
        let kept = disk.read(&path, got).is_ok_and(|kept| kept == bytes);
        if !kept {
            let free = disk.free_bytes(self.dir())?;
            let min = self.options().free_bytes_min;
            if free < min.saturating_add(got) {
                let why = format!("{free} bytes are free, and {min} are kept so");
                return Err(StoreError::NoSpace { place: path.display().to_string(), why });
            }
            if let Some(folder) = path.parent() {
                disk.create_folder(folder)?;
            }
            disk.write(&path, bytes)?;
        }
        Ok(hash)
    }

    /// An upload's bytes; `None` when it is not there.
    ///
    /// # Errors
    /// Bytes that have another hash than their name says, or a failing disk.
    pub fn blob(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.blob_path(hash);
        let bytes = match self.options().disk.read(&path, IMAGE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if Sha256::digest(&bytes)[..] == hash[..] {
            return Ok(Some(bytes));
        }
        let why = "its SHA-256 is not its name".to_owned();
        Err(StoreError::Damaged { place: path.display().to_string(), why })
    }

    /// Where an upload lies, whether it is there or not.
    #[must_use]
    pub fn blob_path(&self, hash: &[u8; 32]) -> PathBuf {
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir().join("blobs").join(hex.get(..2).unwrap_or_default()).join(hex)
    }

    /// Removes an upload; nothing there is fine.
    ///
    /// # Errors
    /// A failing disk.
    pub fn remove_blob(&self, hash: &[u8; 32]) -> Result<(), StoreError> {
        Ok(self.options().disk.remove(&self.blob_path(hash))?)
    }
}
