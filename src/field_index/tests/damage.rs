//! Damaged files: opening gives the right answers or an empty index, never a panic or an error.

#![expect(clippy::disallowed_methods, reason = "damages files on purpose")]

use std::fs;
use std::path::{Path as FilePath, PathBuf};

use vitrail_domain::{Payload, PointId, Seq, Slot};

use super::made::{Dice, Points};
use crate::FieldIndex;

type Change = (Slot, PointId, Option<Payload>);

fn filled(folder: &FilePath) -> (Vec<Vec<Change>>, Points) {
    let mut dice = Dice(1);
    let (mut log, mut points) = (Vec::new(), Points::default());
    let index = FieldIndex::open(folder).unwrap();
    for batch in 0..3u32 {
        let mut changes: Vec<Change> = (batch * 30..batch * 30 + 40)
            .map(|slot| (Slot(slot), dice.id(slot), Some(dice.payload())))
            .collect();
        changes.push((Slot(batch * 30), PointId::Number(0), None));
        for (slot, id, payload) in changes.clone() {
            match payload {
                Some(payload) => drop(points.0.insert(slot.0, (id, payload))),
                None => drop(points.0.remove(&slot.0)),
            }
        }
        log.push(changes.clone());
        index.apply(Seq(u64::from(batch) + 1), changes).unwrap();
        index.commit().unwrap();
    }
    (log, points)
}

/// Opens what is in `folder` and replays; whether it was emptied.
fn check(folder: &FilePath, log: &[Vec<Change>], points: &Points, what: &str) -> bool {
    let index = FieldIndex::open(folder).unwrap_or_else(|error| panic!("{what}: {error}"));
    let from = index.indexed_seq().0;
    assert!(from == 0 || from == log.len() as u64, "{what}: {from}");
    for (at, changes) in (0..).zip(log).skip(usize::try_from(from).unwrap()) {
        index.apply(Seq(at + 1), changes.clone()).unwrap();
    }
    for commit in [false, true] {
        if commit {
            // Deletes must reach the old documents, whatever was damaged.
            let first = points
                .0
                .iter()
                .next()
                .map(|(&slot, (id, payload))| (Slot(slot), *id, Some(payload.clone())));
            index.apply(Seq(log.len() as u64 + 1), first).unwrap();
            index.commit().unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        let mut dice = Dice(3);
        for _ in 0..10 {
            let filter = dice.filter(1);
            let found = index.view().evaluate(&filter, &points.live(), points).unwrap();
            let holds = |slot: Slot| {
                let (id, payload) = &points.0[&slot.0];
                vitrail_domain::evaluate::holds(&filter, *id, payload)
            };
            let right = points.live().iter().all(|slot| found.slots.contains(slot) == holds(slot));
            assert!(right, "{what}: {filter:?}");
        }
    }
    from == 0
}

fn files(folder: &FilePath) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "lock"))
        .collect();
    files.sort();
    files
}

fn copy(from: &FilePath, to: &FilePath) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    fs::create_dir(to).unwrap();
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

#[test]
fn a_damaged_folder_is_right_or_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, hurt) = (folder.path().join("sound"), folder.path().join("hurt"));
    let (log, points) = filled(&sound);
    copy(&sound, &hurt);
    assert!(!check(&hurt, &log, &points, "untouched"), "a sound index was emptied");
    let mut dice = Dice(2);
    let (mut tried, mut emptied) = (0, 0);
    for file in files(&sound) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&file).unwrap();
        let mut damaged: Vec<(String, Option<Vec<u8>>)> = vec![("is gone".into(), None)];
        for len in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            damaged.push((format!("is cut to {len}"), Some(bytes[..len].to_vec())));
        }
        for _ in 0..if name.ends_with(".json") { 60 } else { 6 } {
            let mut flipped = bytes.clone();
            let (at, bit) = (dice.below(bytes.len()), dice.below(8));
            flipped[at] ^= 1 << bit;
            damaged.push((format!("has bit {bit} of byte {at} flipped"), Some(flipped)));
        }
        for (how, bytes) in damaged {
            copy(&sound, &hurt);
            match bytes {
                Some(bytes) => fs::write(hurt.join(&name), bytes).unwrap(),
                None => fs::remove_file(hurt.join(&name)).unwrap(),
            }
            tried += 1;
            emptied += usize::from(check(&hurt, &log, &points, &format!("{name} {how}")));
        }
    }
    println!("{tried} damaged folders, {emptied} emptied, the others right as they were");
    assert!(emptied > tried / 2);
}

#[test]
fn another_format_and_strange_files_are_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let (log, points) = filled(folder.path());
    let meta = folder.path().join("meta.json");
    let text = fs::read_to_string(&meta).unwrap();
    fs::write(&meta, text.replace("\"payload\": \"1 ", "\"payload\": \"0 ")).unwrap();
    assert_ne!(fs::read_to_string(&meta).unwrap(), text);
    assert!(check(folder.path(), &log, &points, "an older format"));
    fs::write(&meta, "{}").unwrap();
    assert!(check(folder.path(), &log, &points, "no index at all"));
}

/// A commit whose files are there and whose `meta.json` is not: a crash between the two.
#[test]
fn a_commit_that_a_crash_cut_short_does_not_keep_the_next_from_its_file_names() {
    let folder = tempfile::tempdir().unwrap();
    let (place, ahead) = (folder.path().join("fields"), folder.path().join("ahead"));
    let mut dice = Dice(4);
    let index = FieldIndex::open(&place).unwrap();
    let points = (0..40u32).map(|slot| (Slot(slot), dice.id(slot), Some(dice.payload())));
    index.apply(Seq(1), points.collect::<Vec<_>>()).unwrap();
    index.commit().unwrap();
    drop(index);
    copy(&place, &ahead);
    let delete_one = |folder: &FilePath| {
        let index = FieldIndex::open(folder).unwrap();
        assert_eq!(index.indexed_seq(), Seq(1));
        index.apply(Seq(2), [(Slot(7), PointId::Number(0), None)]).unwrap();
        index.commit().map(drop)
    };
    delete_one(&ahead).unwrap();
    let mut left = Vec::new();
    for file in files(&ahead) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !place.join(&name).exists() {
            fs::copy(&file, place.join(&name)).unwrap();
            left.push(name);
        }
    }
    assert!(left.iter().any(|name| name.ends_with(".del")), "{left:?}");
    fs::write(place.join(".tmpLeft"), b"half").unwrap();
    delete_one(&place).unwrap();
    assert_eq!(FieldIndex::open(&place).unwrap().indexed_seq(), Seq(2));
    assert!(!place.join(".tmpLeft").exists());
}
