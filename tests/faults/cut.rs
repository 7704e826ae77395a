//! The disk after a power cut: built from what the shim noted as durable and, where a disk may have
//! written more than it was asked to, from what was there.
//!
//! What a file system may leave is more than these ways, but each of them is one that it may:
//! - [`Way::Strict`]: nothing that was not synced: files as at their last sync (a file that never
//!   was, but whose name is durable, is empty), names as at their folder's last sync.
//! - [`Way::Torn`]: of each folder the durable names or all of the newest; of each file the
//!   durable bytes, and by chance changed sectors of 512 bytes, a part of what was appended, cut
//!   at any byte, and zeros behind it (the length reached the disk, the bytes didn't).
#![expect(clippy::expect_used, reason = "a test's helpers may")]
#![expect(clippy::disallowed_methods, reason = "tests lay out their own folders")]

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::dice::Dice;
use crate::ground::walk;

const SECTOR: usize = 512;

/// What a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Strict,
    Torn,
}

/// Notes a store at rest as durable, all of it.
pub fn begin_journal(store: &Path, journal: &Path) {
    let _ = fs::remove_dir_all(journal);
    fs::create_dir(journal).expect("a journal");
    if !store.exists() {
        fs::create_dir(store).expect("a folder");
    }
    let mut all = walk(store);
    all.push((store.to_path_buf(), true));
    for (path, is_folder) in all {
        let ino = number(&path);
        if is_folder {
            fs::write(journal.join(format!("dir-{ino}")), names_of(&path)).expect("names");
        } else {
            fs::hard_link(&path, journal.join(format!("ino-{ino}"))).expect("a link");
            fs::copy(&path, journal.join(format!("data-{ino}"))).expect("a copy");
        }
    }
}

fn number(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("it is there").ino()
}

fn names_of(folder: &Path) -> Vec<u8> {
    let mut names = String::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let kind = if entry.file_type().is_ok_and(|kind| kind.is_dir()) { 'd' } else { 'f' };
        let name = entry.file_name().into_string().expect("a name");
        names.push_str(&format!("{kind} {} {name}\0", number(&entry.path())));
    }
    names.into_bytes()
}

/// One name in a folder.
struct Name {
    is_folder: bool,
    ino: u64,
    name: String,
}

fn parse(names: &[u8]) -> Vec<Name> {
    let lines = std::str::from_utf8(names).expect("names").split_terminator('\0');
    let parse = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let mut next = || parts.next().expect("three parts");
        let (kind, ino, name) = (next(), next(), next());
        Name { is_folder: kind == "d", ino: ino.parse().expect("a number"), name: name.to_owned() }
    };
    lines.map(parse).collect()
}

/// Builds in `into` what a power cut leaves of `store`.
pub fn after_cut(store: &Path, journal: &Path, into: &Path, way: Way, dice: &mut Dice) {
    let folders = walk(store).into_iter().filter(|(_, is_folder)| *is_folder);
    let mut paths: HashMap<u64, PathBuf> = folders.map(|(path, _)| (number(&path), path)).collect();
    paths.insert(number(store), store.to_path_buf());
    let mut cut = Cut { journal, paths, way, dice };
    cut.folder(number(store), into);
}

struct Cut<'a> {
    journal: &'a Path,
    /// Folders that are there, by number.
    paths: HashMap<u64, PathBuf>,
    way: Way,
    dice: &'a mut Dice,
}

impl Cut<'_> {
    fn folder(&mut self, ino: u64, into: &Path) {
        fs::create_dir(into).expect("a new folder");
        let durable = fs::read(self.journal.join(format!("dir-{ino}"))).unwrap_or_default();
        let newest = self.paths.get(&ino).map(|path| names_of(path));
        let names = match newest {
            Some(newest) if self.way == Way::Torn && self.dice.one_in(2) => newest,
            _ => durable,
        };
        for Name { is_folder, ino, name } in parse(&names) {
            let path = into.join(name);
            if is_folder {
                self.folder(ino, &path);
            } else {
                let newest = || self.newest(ino);
                let durable =
                    fs::read(self.journal.join(format!("data-{ino}"))).unwrap_or_default();
                let bytes = match self.way {
                    Way::Strict => durable,
                    Way::Torn => torn(durable, &newest(), self.dice),
                };
                fs::write(path, bytes).expect("a file");
            }
        }
    }

    /// A file's bytes as the process left them.
    fn newest(&self, ino: u64) -> Vec<u8> {
        if let Ok(bytes) = fs::read(self.journal.join(format!("ino-{ino}"))) {
            return bytes;
        }
        // It was never synced, nor was its name: only its folder knows it.
        let in_folders = self.paths.values().flat_map(fs::read_dir).flatten();
        let mut entries = in_folders.flatten();
        let found = entries.find(|entry| entry.metadata().is_ok_and(|file| file.ino() == ino));
        found.and_then(|entry| fs::read(entry.path()).ok()).unwrap_or_default()
    }
}

/// The durable bytes, with some of what changed since.
fn torn(durable: Vec<u8>, newest: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = durable;
    if bytes == newest || dice.one_in(3) {
        return bytes;
    }
    for (old, new) in bytes.chunks_mut(SECTOR).zip(newest.chunks(SECTOR)) {
        let both = old.len().min(new.len());
        if old[..both] != new[..both] && dice.one_in(2) {
            old[..both].copy_from_slice(&new[..both]);
        }
    }
    if let Some(appended) = newest.get(bytes.len()..).filter(|appended| !appended.is_empty()) {
        let kept = dice.roll(appended.len() as u64 + 1) as usize;
        bytes.extend_from_slice(&appended[..kept]);
        if dice.one_in(3) {
            let zeros = dice.roll((appended.len() - kept) as u64 + 1) as usize;
            bytes.extend(std::iter::repeat_n(0, zeros));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_at_rest_loses_nothing_and_an_unsynced_file_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, journal) = (folder.path().join("s"), folder.path().join("j"));
        fs::create_dir_all(store.join("a/b")).expect("folders");
        fs::write(store.join("a/b/kept"), b"123").expect("a file");
        begin_journal(&store, &journal);
        fs::write(store.join("a/b/kept"), b"12345").expect("a file");
        fs::write(store.join("a/lost"), b"1").expect("a file");
        let mut dice = Dice(1);
        after_cut(&store, &journal, &folder.path().join("1"), Way::Strict, &mut dice);
        assert_eq!(fs::read(folder.path().join("1/a/b/kept")).expect("kept"), b"123");
        assert!(!folder.path().join("1/a/lost").exists());
    }

    #[test]
    fn torn_bytes_begin_with_what_is_durable() {
        let mut dice = Dice(2);
        let lengths: std::collections::BTreeSet<usize> = (0..200)
            .map(|_| {
                let bytes = torn(b"12345".to_vec(), b"1234567890", &mut dice);
                assert!(bytes.starts_with(b"12345") && bytes.len() <= 10);
                bytes.len()
            })
            .collect();
        assert_eq!(lengths, (5..=10).collect());
    }
}
