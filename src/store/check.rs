//! The walk over everything: every checksum, and whether the families agree with each other.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};
use vitrail_domain::limits::{FINDINGS_MAX, IMAGE_BYTES_MAX, MULTI_ROWS_MAX};
use vitrail_domain::{Cancel, CollectionName, Slot, VectorName};

use crate::codec::{
    self, CatalogOnDisk, ChangeOnDisk, ImageOnDisk, JobOnDisk, Kind, PointOnDisk, Record,
    RefusalOnDisk, SlotOnDisk,
};
use crate::collection::CollectionStore;
use crate::convert::{id_from_disk, id_to_disk, point_from_disk};
use crate::error::StoreError;
use crate::keys;
use crate::rocks::{
    CATALOG, CHANGES, Db, EMBEDDINGS, Family, HASHES, IDS, IMAGE_POINTS, IMAGES, JOBS, MODELS,
    POINTS, REFUSALS, REPORTS, THUMBNAILS, VECTORS,
};
use crate::store::Store;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    /// By collection.
    pub collections: BTreeMap<CollectionName, CollectionFindings>,
    /// Uploads that were read and hashed.
    pub blobs: u64,
    /// Problems of the store itself: its meta, its uploads, its folders.
    pub problems: Problems,
}

/// What a check found in one collection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CollectionFindings {
    /// Live points.
    pub points: u64,
    /// Vectors by name.
    pub vectors: BTreeMap<VectorName, u64>,
    /// Images.
    pub images: u64,
    /// Values of all kinds whose checksum was verified.
    pub records: u64,
    /// What is wrong.
    pub problems: Problems,
}

/// What is wrong, in words; bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems {
    /// The first of them, word for word.
    pub told: Vec<String>,
    /// All of them.
    pub count: u64,
}

impl Problems {
    fn tell(&mut self, problem: impl ToString) {
        self.count += 1;
        if self.told.len() < FINDINGS_MAX {
            self.told.push(problem.to_string());
        }
    }
}

impl Findings {
    /// Problems in all.
    #[must_use]
    pub fn problem_count(&self) -> u64 {
        let inside = self.collections.values().map(|collection| collection.problems.count);
        self.problems.count + inside.sum::<u64>()
    }
}

impl Store {
    /// Reads everything: each record's checksum, each id, point, vector and image against the
    /// others, each upload against its name. O(store), one record in memory at a time. Best on a
    /// store at rest: what is written meanwhile may be told as a disagreement. Stops between
    /// records when `cancel` is set.
    #[must_use]
    pub fn check(&self, cancel: &Cancel) -> Findings {
        let mut findings = Findings::default();
        self.check_meta(&mut findings.problems, cancel);
        for spec in self.collections() {
            let mut found = CollectionFindings::default();
            match self.open_collection(&spec.name) {
                Ok(collection) => Walk { collection: &collection, found: &mut found, cancel }.all(),
                Err(error) => found.problems.tell(error),
            }
            findings.collections.insert(spec.name, found);
        }
        self.check_folders(&mut findings);
        self.check_blobs(&mut findings, cancel);
        findings
    }

    fn check_meta(&self, problems: &mut Problems, cancel: &Cancel) {
        let meta = self.meta();
        let mut walk = |family: Family, good: Good<'_>| {
            walk_family(meta, family, cancel, problems, good);
        };
        walk(CATALOG, &|key, value| codec::decode::<CatalogOnDisk>(key, value).map(drop));
        walk(JOBS, &|key, value| codec::decode::<JobOnDisk>(key, value).map(drop));
        walk(REFUSALS, &|key, value| codec::decode::<RefusalOnDisk>(key, value).map(drop));
        walk(MODELS, &|key, value| codec::unseal(Kind::Model, key, value).map(drop));
    }

    /// Folders that no collection owns: a catalog that came from elsewhere, or a crash.
    fn check_folders(&self, findings: &mut Findings) {
        let folder = self.dir().join("collections");
        let known: Vec<_> =
            self.collections().into_iter().map(|spec| spec.id.to_string()).collect();
        match vitrail_disk::list(&folder) {
            Ok(entries) => {
                for entry in entries.iter().filter(|entry| !known.contains(&entry.name)) {
                    let path = folder.join(&entry.name);
                    let problem = format!("{} belongs to no collection", path.display());
                    findings.problems.tell(problem);
                }
            }
            Err(error) => findings.problems.tell(error),
        }
    }

    fn check_blobs(&self, findings: &mut Findings, cancel: &Cancel) {
        let blobs = self.dir().join("blobs");
        let disk = &self.options().disk;
        let folders = disk.list(&blobs).unwrap_or_default();
        for folder in folders.iter().filter(|folder| folder.is_folder) {
            let folder = blobs.join(&folder.name);
            for file in disk.list(&folder).unwrap_or_default() {
                if cancel.is_cancelled() {
                    return;
                }
                findings.blobs += 1;
                let path = folder.join(&file.name);
                match disk.read(&path, IMAGE_BYTES_MAX) {
                    Ok(bytes) if hex(&Sha256::digest(&bytes)) == file.name => {}
                    Ok(_) => {
                        let path = path.display();
                        findings.problems.tell(format!("{path}: its SHA-256 is not its name"));
                    }
                    Err(error) => findings.problems.tell(error),
                }
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Walks a family, telling each value that `good` refuses; how many values there were.
fn walk_family(
    db: &Db,
    family: Family,
    cancel: &Cancel,
    problems: &mut Problems,
    good: Good<'_>,
) -> u64 {
    let mut count = 0;
    let walked = db.walk(family, &[], None, &mut |key, value| {
        count += 1;
        if let Err(why) = good(key, value) {
            problems.tell(db.damaged(family, key, why));
        }
        Ok(if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    if let Err(error) = walked {
        problems.tell(format!("{error}; the rest of the family was not read"));
    }
    count
}

/// Says of a key and its value why they are not good.
type Good<'a> = &'a dyn Fn(&[u8], &[u8]) -> Result<(), String>;

/// The walk over one collection.
struct Walk<'a> {
    collection: &'a CollectionStore,
    found: &'a mut CollectionFindings,
    cancel: &'a Cancel,
}

impl Walk<'_> {
    fn all(&mut self) {
        if let Some((first, last)) = self.collection.lost() {
            let (first, last) = (first.0, last.0);
            let problem = format!("acknowledged writes {first} to {last} are lost (damaged log)");
            self.found.problems.tell(problem);
        }
        let db = self.collection.db();
        self.found.points = self.family(POINTS, &|key, value| point_is_good(db, key, value));
        let ids = self.family(IDS, &|key, value| id_is_good(db, key, value));
        let (points, counted) = (self.found.points, self.collection.len());
        if points != ids || points != counted {
            let words = format!("{points} points, {ids} ids, {counted} counted: they differ");
            self.found.problems.tell(words);
        }
        self.vectors();
        self.found.images = self.family(IMAGES, &|key, value| image_is_good(db, key, value));
        self.family(THUMBNAILS, &|key, value| {
            codec::unseal(Kind::Thumbnail, key, value)?;
            must_be(db, IMAGES, key, "thumbnail of no image")
        });
        self.family(IMAGE_POINTS, &|key, value| image_point_is_good(db, key, value));
        self.family(HASHES, &|key, value| {
            codec::unseal(Kind::Mark, key, value)?;
            must_be(db, IMAGES, key.get(33..).unwrap_or_default(), "hash of no image")
        });
        self.family(CHANGES, &decodes::<ChangeOnDisk>);
        self.family(EMBEDDINGS, &|key, value| codec::unseal(Kind::Embedding, key, value).map(drop));
        self.family(REPORTS, &|key, value| codec::unseal(Kind::Report, key, value).map(drop));
    }

    fn family(&mut self, family: Family, good: Good<'_>) -> u64 {
        let problems = &mut self.found.problems;
        let count = walk_family(self.collection.db(), family, self.cancel, problems, good);
        self.found.records += count;
        count
    }

    fn vectors(&mut self) {
        let db = self.collection.db();
        let entry = self.collection.entry();
        for (name, spec) in &entry.spec.vectors {
            self.found.vectors.insert(name.clone(), 0);
            let number = entry.numbers.get(name).copied().unwrap_or_default();
            let end = keys::after_prefix(&number.to_be_bytes());
            let bytes = spec.dim.get() * 4;
            let most = spec.multi.map_or(bytes, |_| bytes * MULTI_ROWS_MAX);
            let shape = Shape { kind: entry.kind_of(name), bytes, most };
            let mut count = 0;
            let problems = &mut self.found.problems;
            let walked =
                db.walk(VECTORS, &number.to_be_bytes(), end.as_deref(), &mut |key, value| {
                    count += 1;
                    if let Err(why) = vector_is_good(db, key, value, shape) {
                        problems.tell(db.damaged(VECTORS, key, why));
                    }
                    let stop = self.cancel.is_cancelled();
                    Ok(if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                });
            if let Err(error) = walked {
                self.found.problems.tell(format!("{error}; the rest of \"{name}\" was not read"));
            }
            self.found.records += count;
            self.found.vectors.insert(name.clone(), count);
        }
    }
}

fn decodes<T: Record>(key: &[u8], value: &[u8]) -> Result<(), String> {
    codec::decode::<T>(key, value).map(drop)
}

fn told(error: &StoreError) -> String {
    error.to_string()
}

fn must_be(db: &Db, family: Family, key: &[u8], otherwise: &str) -> Result<(), String> {
    match db.has(family, key) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("it is the {otherwise}")),
        Err(error) => Err(told(&error)),
    }
}

fn point_is_good(db: &Db, key: &[u8], value: &[u8]) -> Result<(), String> {
    let point = codec::decode::<PointOnDisk>(key, value)?;
    let slot = keys::parse_slot(key).ok_or("its key is no slot")?;
    let point = point_from_disk(point)?;
    let id = keys::id(point.id);
    let found = db.record::<SlotOnDisk>(IDS, id.as_ref()).map_err(|error| told(&error))?;
    if found.map(|found| found.slot) != Some(slot.0) {
        return Err(format!("its id {} doesn't lead to it", point.id));
    }
    let Some(image) = point.image else { return Ok(()) };
    must_be(db, IMAGE_POINTS, &keys::image_point(image, slot), "point of an image without a mark")
}

fn id_is_good(db: &Db, key: &[u8], value: &[u8]) -> Result<(), String> {
    let slot = codec::decode::<SlotOnDisk>(key, value)?.slot;
    let id = keys::parse_id(key).ok_or("its key is no id")?;
    let key = keys::slot(Slot(slot));
    let point = db.record::<PointOnDisk>(POINTS, &key).map_err(|error| told(&error))?;
    match point {
        Some(point) if point.id == id_to_disk(id) => Ok(()),
        Some(point) => Err(format!("it leads to the point {:?}", id_from_disk(point.id)?)),
        None => Err(format!("it leads to slot {slot}, which holds no point")),
    }
}

/// What a stored vector of one name has to be.
#[derive(Clone, Copy)]
struct Shape {
    kind: Kind,
    /// Of a row.
    bytes: usize,
    /// Of all rows.
    most: usize,
}

fn vector_is_good(db: &Db, key: &[u8], value: &[u8], shape: Shape) -> Result<(), String> {
    let (body, bytes) = (codec::unseal(shape.kind, key, value)?, shape.bytes);
    if !body.len().is_multiple_of(bytes) || !(bytes..=shape.most).contains(&body.len()) {
        let rule = if shape.most > bytes { "a whole number of times " } else { "" };
        return Err(format!("it has {} bytes, not {rule}{bytes}", body.len()));
    }
    let (_, slot) = keys::parse_vector(key).ok_or("its key is no vector's")?;
    must_be(db, POINTS, &keys::slot(slot), "vector of no point")
}

fn image_is_good(db: &Db, key: &[u8], value: &[u8]) -> Result<(), String> {
    let image = codec::decode::<ImageOnDisk>(key, value)?;
    let id = vitrail_domain::ImageId(keys::parse_uuid(key).ok_or("its key is no id")?);
    let otherwise = "image of a hash without a mark";
    must_be(db, HASHES, &keys::hash(keys::HASH_FILE, &image.sha256, id), otherwise)?;
    must_be(db, HASHES, &keys::hash(keys::HASH_PIXELS, &image.pixel_hash, id), otherwise)
}

fn image_point_is_good(db: &Db, key: &[u8], value: &[u8]) -> Result<(), String> {
    codec::unseal(Kind::Mark, key, value)?;
    let (image, slot) = keys::parse_image_point(key).ok_or("its key is no image and slot")?;
    let key = keys::slot(slot);
    let point = db.record::<PointOnDisk>(POINTS, &key).map_err(|error| told(&error))?;
    if point.and_then(|point| point.image) == Some(image.0.into_bytes()) {
        Ok(())
    } else {
        Err(format!("slot {} is no point of this image", slot.0))
    }
}
