//! A full disk: reads go on, writes are refused, writing resumes by itself.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use vitrail_disk::{Disk, DiskError, Entry, FailingDisk, RealDisk};
use vitrail_domain::{Cancel, Code, Seq, Slot};

use super::*;

#[test]
fn a_disk_without_room_refuses_writes_until_there_is_some() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FailingDisk::new(RealDisk, io::ErrorKind::StorageFull));
    let options = StoreOptions { disk: disk.clone(), ..options() };
    let store = Store::open(folder.path(), options).unwrap();
    let collection = store.create_collection(spec("c", 2)).unwrap();
    write(&collection, vec![upsert(1, json!({"a": 1}), &[1.0, 2.0])]);
    disk.fail_after(0);
    let more = || vec![upsert(2, json!({}), &[1.0, 2.0]), Change::Delete(PointId::Number(1))];
    let refused = collection.write(more(), &|_| panic!()).unwrap_err();
    assert_eq!(refused.code(), Code::NoSpace);
    assert_eq!(collection.put_image(&image(1), None).unwrap_err().code(), Code::NoSpace);
    assert_eq!(store.put_blob(b"x").unwrap_err().code(), Code::NoSpace);
    assert!(collection.record_of(Slot(0)).unwrap().is_some(), "reads go on");
    assert_eq!((collection.len(), collection.poisoned()), (1, None));
    disk.mend();
    let written = write(&collection, more());
    assert_eq!((written.seq, written.effects[0].slot), (Seq(2), Slot(1)));
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}

/// A file system of a few megabytes, where this process may mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Says that there is room when there is none, so that RocksDB itself meets the full disk.
#[derive(Debug)]
struct Boundless(RealDisk);

impl Disk for Boundless {
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>, DiskError> {
        self.0.read(path, bytes_max)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.write(path, bytes)
    }

    fn create_folder(&self, folder: &Path) -> Result<(), DiskError> {
        self.0.create_folder(folder)
    }

    fn list(&self, folder: &Path) -> Result<Vec<Entry>, DiskError> {
        self.0.list(folder)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.0.remove(path)
    }

    fn free_bytes(&self, _: &Path) -> Result<u64, DiskError> {
        Ok(u64::MAX)
    }
}

#[test]
fn rocksdb_on_a_full_disk_resumes_by_itself() {
    let Some(small) = SmallDisk::mount(192) else {
        println!("skipped: this process may not mount a small file system");
        return;
    };
    let options = StoreOptions { disk: Arc::new(Boundless(RealDisk)), ..options() };
    let store = Store::open(&small.0.path().join("s"), options.clone()).unwrap();
    let collection = store.create_collection(spec("c", 1_000)).unwrap();
    let ballast = small.0.path().join("ballast");
    vitrail_disk::safe_write(&ballast, &vec![1; 120 << 20]).unwrap();
    let mut dice = Dice(3);
    let mut acknowledged = 0;
    let full = loop {
        let batch = (0..50).map(|n| upsert(acknowledged + n, json!({}), &dice.vector(1_000)));
        match collection.write(batch.collect(), &|_| {}) {
            Ok(_) => acknowledged += 50,
            Err(error) => break error,
        }
        assert!(acknowledged < 20_000, "the disk never got full");
    };
    println!("{acknowledged} points, then: {full}");
    assert_eq!(full.code(), Code::NoSpace, "{full}");
    assert_eq!(collection.len(), acknowledged);
    assert!(collection.record_of(Slot(0)).unwrap().is_some(), "reads go on");
    vitrail_disk::remove_tree(&ballast).unwrap();
    let start = Instant::now();
    loop {
        match collection.write(vec![upsert(1_000_000, json!({}), &dice.vector(1_000))], &|_| {}) {
            Ok(_) => break,
            Err(error) => assert_eq!(error.code(), Code::NoSpace, "{error}"),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "writing didn't resume");
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("writing resumed after {:.1} s", start.elapsed().as_secs_f32());
    assert_eq!(collection.len(), acknowledged + 1);
    drop((store, collection));
    let store = Store::open(&small.0.path().join("s"), options).unwrap();
    assert_eq!(store.open_collection(&name()).unwrap().len(), acknowledged + 1);
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}
