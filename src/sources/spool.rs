//! Fetched bytes on their way to a reader: files in a folder of the store, bounded in sum.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use vitrail_disk::{DiskError, Scratch, create_dir_synced, list, remove_tree};
use vitrail_domain::Cancel;
use vitrail_domain::limits::SOURCE_ITEM_BYTES_MAX;

use crate::error::SourceError;

/// How often a writer that waits for room looks whether it should stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A folder of files that are being fetched or wait to be read. It holds `bytes_max` bytes; one
/// file at a time may grow beyond them, so that somebody always gets on.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    bytes_max: u64,
    count: AtomicU64,
    room: Mutex<Room>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Room {
    used: u64,
    /// The file that grows beyond the bound.
    over: Option<u64>,
}

impl Spool {
    /// The folder, made where it is missing and emptied: what is in it is left over.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Arc<Self>, DiskError> {
        create_dir_synced(folder)?;
        for entry in list(folder)? {
            remove_tree(&folder.join(entry.name))?;
        }
        Ok(Arc::new(Self {
            folder: folder.to_path_buf(),
            bytes_max,
            count: AtomicU64::new(0),
            room: Mutex::default(),
            freed: Condvar::new(),
        }))
    }

    /// Bytes that it holds now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.room.lock().used
    }

    /// A new file, once there is any room.
    pub(crate) fn file(self: &Arc<Self>, cancel: &Cancel) -> Result<SpoolFile, SourceError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.wait(cancel, |room| room.used < self.bytes_max)?;
        let path = self.folder.join(format!("{number:016x}"));
        let scratch = Scratch::create(&path)?;
        let (spool, cancel) = (self.clone(), cancel.clone());
        Ok(SpoolFile { spool, scratch, number, held: 0, cancel })
    }

    /// Takes room for `bytes` more of a file, or waits for it.
    fn take(&self, number: u64, bytes: u64, cancel: &Cancel) -> Result<(), SourceError> {
        self.wait(cancel, |room| {
            let fits = room.used + bytes <= self.bytes_max;
            if !fits && room.over.is_none() {
                room.over = Some(number);
            }
            let may = fits || room.over == Some(number);
            if may {
                room.used += bytes;
            }
            may
        })
    }

    fn give_back(&self, number: u64, bytes: u64) {
        let mut room = self.room.lock();
        room.used -= bytes;
        if room.over == Some(number) {
            room.over = None;
        }
        self.freed.notify_all();
    }

    fn wait(
        &self,
        cancel: &Cancel,
        mut may: impl FnMut(&mut Room) -> bool,
    ) -> Result<(), SourceError> {
        let mut room = self.room.lock();
        while !may(&mut room) {
            if cancel.is_cancelled() {
                return Err(SourceError::Cancelled);
            }
            self.freed.wait_for(&mut room, LOOK_EVERY);
        }
        Ok(())
    }
}

/// A file that is being fetched, and then waits to be read. It goes when it is dropped.
#[derive(Debug)]
pub struct SpoolFile {
    spool: Arc<Spool>,
    scratch: Scratch,
    number: u64,
    held: u64,
    cancel: Cancel,
}

impl SpoolFile {
    /// Adds bytes; waits while there is no room.
    pub(crate) fn append(&mut self, bytes: &[u8], uri: &str) -> Result<(), SourceError> {
        let more = bytes.len() as u64;
        if self.held + more > SOURCE_ITEM_BYTES_MAX {
            return Err(too_large(uri));
        }
        self.spool.take(self.number, more, &self.cancel)?;
        self.held += more;
        Ok(self.scratch.append(bytes)?)
    }

    /// Empties it, for another attempt.
    pub(crate) fn restart(&mut self) -> Result<(), SourceError> {
        self.scratch.clear()?;
        self.spool.give_back(self.number, std::mem::take(&mut self.held));
        Ok(())
    }

    /// It has all its bytes now, so somebody else may grow beyond the bound.
    pub(crate) fn finish(&self) {
        self.spool.give_back(self.number, 0);
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.held
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.spool.give_back(self.number, self.held);
    }
}

pub(crate) fn too_large(uri: &str) -> SourceError {
    SourceError::TooLarge { uri: uri.to_owned(), limit: SOURCE_ITEM_BYTES_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_waited_for_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("spool/left over");
        create_dir_synced(&folder.path().join("spool")).unwrap();
        vitrail_disk::safe_write(&left, b"1").unwrap();
        let spool = Spool::open(&folder.path().join("spool"), 100).unwrap();
        assert!(!left.exists());
        let cancel = Cancel::new();
        let mut first = spool.file(&cancel).unwrap();
        let mut second = spool.file(&cancel).unwrap();
        first.append(&[1; 60], "u").unwrap();
        second.append(&[2; 60], "u").unwrap();
        assert_eq!(spool.used(), 120, "one file may grow beyond the bound");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| first.append(&[1; 10], "u"));
            std::thread::sleep(Duration::from_millis(150));
            assert!(!waiting.is_finished(), "and only one");
            drop(second);
            waiting.join().unwrap().unwrap();
        });
        assert_eq!((spool.used(), first.bytes()), (70, 70));
        assert_eq!(std::fs::read(first.path()).unwrap(), [1; 70]);
        first.restart().unwrap();
        assert_eq!(spool.used(), 0);
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists());
    }

    #[test]
    fn waiting_for_room_can_be_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 10).unwrap();
        let cancel = Cancel::new();
        let mut file = spool.file(&cancel).unwrap();
        file.append(&[0; 20], "u").unwrap();
        cancel.cancel();
        assert!(matches!(spool.file(&cancel), Err(SourceError::Cancelled)));
    }
}
