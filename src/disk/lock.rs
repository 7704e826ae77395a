//! One process owns a folder: a lock file with words in it, believed only while the lock is held.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::error::DiskError;

/// Bytes of words that are read from another's lock file: a process id and an address.
const WORDS_MAX: u64 = 1024;

/// A held lock; dropping it, or the end of the process, lets it go.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

/// Why a lock was not taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("the lock {} is held: {words}", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
        /// What its holder wrote.
        words: String,
    },
    /// The file can't be opened, locked or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl FileLock {
    /// Takes the lock without waiting and writes `words` for those who come later.
    ///
    /// # Errors
    /// Held by another process, or what the system refuses.
    pub fn take(path: &Path, words: &str) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(DiskError::of("open the lock", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut words = Vec::new();
                // Unreadable words are no reason to hide that the lock is held.
                let _ = (&file).take(WORDS_MAX).read_to_end(&mut words);
                let words = String::from_utf8_lossy(&words).into_owned();
                return Err(LockError::Held { path: path.to_path_buf(), words });
            }
            Err(TryLockError::Error(error)) => {
                return Err(DiskError::of("lock", path)(error).into());
            }
        }
        let mut lock = Self { file, path: path.to_path_buf() };
        lock.say(words)?;
        Ok(lock)
    }

    /// Replaces the words. Not synced: they mean nothing once the process is gone.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn say(&mut self, words: &str) -> Result<(), DiskError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(words.as_bytes()))
            .map_err(DiskError::of("write the lock", &self.path))
    }
}

impl Drop for FileLock {
    /// Frees the lock itself: closing the file would leave it held for as long as a child that was
    /// forked meanwhile has not reached its exec, since it shares the open file.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_tells_its_words_and_a_dropped_one_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut first = FileLock::take(&path, "first holder, long words").unwrap();
        first.say("second words").unwrap();
        match FileLock::take(&path, "other") {
            Err(LockError::Held { words, .. }) => assert_eq!(words, "second words"),
            other => panic!("{other:?}"),
        }
        drop(first);
        FileLock::take(&path, "third").unwrap();
    }
    #[test]
    fn a_dropped_lock_is_free_though_a_forked_child_still_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = FileLock::take(&path, "first").unwrap();
        // Between fork and exec a child shares the open file, as this copy does.
        let inherited = first.file.try_clone().unwrap();
        drop(first);
        FileLock::take(&path, "second").unwrap();
        drop(inherited);
    }
}
