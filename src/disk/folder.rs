//! Folders: made, listed and removed so that a power cut keeps what was done.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::DiskError;
use crate::safe_write::TEMPORARY;
use crate::seam::Entry;

/// Makes `folder` and its missing parents; each new name is synced into its parent.
///
/// # Errors
/// A name that is taken by a file, or what the system refuses.
pub fn create_dir_synced(folder: &Path) -> Result<(), DiskError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new("."));
    create_dir_synced(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        done => done.map_err(DiskError::of("make folder", folder))?,
    }
    sync_dir(parent)
}

/// Syncs a folder's names.
///
/// # Errors
/// What the system refuses.
pub fn sync_dir(folder: &Path) -> Result<(), DiskError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(DiskError::of("sync folder", folder))
}

/// Removes a file, or a folder and all that is in it; a link is removed, never followed. What is
/// not there is fine.
///
/// # Errors
/// What the system refuses.
pub fn remove_tree(path: &Path) -> Result<(), DiskError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        done => done.map_err(DiskError::of("remove", path))?,
    }
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// What is in `folder`, sorted by name, without unfinished safe writes and without names that are
/// not UTF-8 (nothing here makes such).
///
/// # Errors
/// A folder that is not there or can't be read.
pub fn list(folder: &Path) -> Result<Vec<Entry>, DiskError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(DiskError::of("list", folder))? {
        let entry = entry.map_err(DiskError::of("list", folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(TEMPORARY) {
            continue;
        }
        let meta = entry.metadata().map_err(DiskError::of("look at", &entry.path()))?;
        entries.push(Entry { name, is_folder: meta.is_dir(), bytes: meta.len() });
    }
    entries.sort();
    Ok(entries)
}

/// Removes unfinished safe writes that a crash left in `folder`; how many there were. Only for
/// folders that this process owns: another's write may be under way.
///
/// # Errors
/// What the system refuses.
pub fn sweep_temporaries(folder: &Path) -> Result<usize, DiskError> {
    let mut swept = 0;
    for entry in fs::read_dir(folder).map_err(DiskError::of("list", folder))? {
        let entry = entry.map_err(DiskError::of("list", folder))?;
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY) {
            remove_tree(&entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::safe_write::safe_write;

    #[test]
    fn folders_are_made_listed_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        create_dir_synced(&deep).unwrap();
        create_dir_synced(&deep).unwrap();
        safe_write(&deep.join("file"), b"12345").unwrap();
        safe_write(&deep.join("left.1-2.tmp"), b"x").unwrap();
        let entry = Entry { name: "file".to_owned(), is_folder: false, bytes: 5 };
        assert_eq!(list(&deep).unwrap(), [entry]);
        assert_eq!(sweep_temporaries(&deep).unwrap(), 1);
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 1);
        remove_tree(&root.path().join("a")).unwrap();
        remove_tree(&root.path().join("a")).unwrap();
        assert!(list(&deep).unwrap_err().is_missing());
    }

    #[test]
    fn a_link_is_removed_and_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let (kept, link) = (root.path().join("kept"), root.path().join("link"));
        create_dir_synced(&kept).unwrap();
        safe_write(&kept.join("file"), b"1").unwrap();
        std::os::unix::fs::symlink(&kept, &link).unwrap();
        remove_tree(&link).unwrap();
        assert!(kept.join("file").exists() && !link.exists());
    }

    #[test]
    fn a_file_in_the_way_of_a_folder_is_named() {
        let root = tempfile::tempdir().unwrap();
        safe_write(&root.path().join("a"), b"1").unwrap();
        let error = create_dir_synced(&root.path().join("a/b")).unwrap_err();
        assert!(error.to_string().contains("/a"), "{error}");
    }
}
