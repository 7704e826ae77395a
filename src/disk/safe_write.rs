//! The one way to write a file: whole and synced under its name, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::DiskError;
use crate::folder::sync_dir;

/// Ending of unfinished files; names with it are never listed.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Buffer of a streamed write: large enough that the system call is not what costs.
const BUFFER_BYTES: usize = 256 * 1024;

static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path`. Replaces what is there in one step.
///
/// # Errors
/// Any step that fails; `path` is then as it was.
pub fn safe_write(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    safe_write_with(path, |out| out.write_all(bytes))
}

/// As [`safe_write`], for a body that is streamed.
///
/// # Errors
/// Any step that fails, `body`'s own errors too; `path` is then as it was.
pub fn safe_write_with(
    path: &Path,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), DiskError> {
    let temporary = temporary_beside(path);
    let written = write_synced(&temporary, body)
        .map_err(DiskError::of("write", path))
        .and_then(|()| rename(&temporary, path).map_err(DiskError::of("rename to", path)));
    if let Err(error) = written {
        // The first error is the one to tell; what is left is swept later.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

fn write_synced(
    temporary: &Path,
    body: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let file: File = OpenOptions::new().write(true).create_new(true).open(temporary)?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    body(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "this file is the one that writes safely")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// A name in the same folder, so that the rename stays within one file system. The process and a
/// count keep concurrent writers of one path apart.
fn temporary_beside(path: &Path) -> PathBuf {
    let count = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}-{count}{TEMPORARY}", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_body_leaves_the_old_file_and_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        safe_write(&path, b"old").unwrap();
        let failed = safe_write_with(&path, |out| {
            out.write_all(b"ne")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(failed.unwrap_err().is_no_space());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn concurrent_writers_leave_one_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::thread::scope(|scope| {
            for byte in 0..4u8 {
                let path = &path;
                scope.spawn(move || safe_write(path, &vec![byte; 100_000]).unwrap());
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 100_000);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]));
    }
}
