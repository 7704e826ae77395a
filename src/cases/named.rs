//! Files that are kept under a pseudonym: found again by hashing the names under their root.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde_json::Value;
use vitrail_collection::{Collection, CollectionError};
use vitrail_domain::{Code, ImageId, ImageRecord, Payload, RecordSource, Slot};
use vitrail_ingest::deid::Deid;
use vitrail_ingest::dicom::{DicomOptions, FrameChoice};
use vitrail_ingest::{
    ReadOptions, Refusal, WalkOptions, encode_png, read_image_bytes, read_picture_guarded_with,
    walk,
};

use crate::error::CaseError;
use crate::similar::Cases;

/// The names under the root that was looked under last.
#[derive(Default)]
pub struct Named(Mutex<Option<Names>>);

struct Names {
    root: PathBuf,
    key: [u8; 32],
    paths: HashMap<String, PathBuf>,
}

impl Named {
    /// The file of a pseudonym. Walks the root where the name is not known from the last walk;
    /// O(files) then.
    ///
    /// # Errors
    /// No file under the root has this pseudonym; the root can't be read.
    pub fn path(&self, root: &Path, name: &str, key: &[u8; 32]) -> Result<PathBuf, Refusal> {
        let mut last = self.0.lock();
        let known = last.as_ref().filter(|names| names.root == root && names.key == *key);
        if let Some(path) = known.and_then(|names| names.paths.get(name)) {
            return Ok(path.clone());
        }
        let deid = Deid::new(*key, BTreeSet::new());
        let walked = walk(&[root.to_owned()], &WalkOptions::default())?;
        let named =
            walked.found.into_iter().map(|file| (deid.file_name(&file.relative), file.path));
        let names = Names { root: root.to_owned(), key: *key, paths: named.collect() };
        let found = names.paths.get(name).cloned();
        *last = Some(names);
        found.ok_or_else(|| {
            let message = format!("no file under its folder goes by the pseudonym {name} any more");
            Refusal::new(Code::FileUnreadable, message)
        })
    }
}

/// An image's bytes as they may be handed out.
pub enum Original {
    /// The file as it is.
    File(Box<ImageRecord>, PathBuf),
    /// The pixels of a DICOM file, whose own bytes carry words about a person, as a PNG.
    Png(Vec<u8>),
}

impl Cases {
    /// An image's own bytes, or where they may name a person its pixels.
    ///
    /// # Errors
    /// No such image; a file that is gone, changed or damaged; a DICOM slide.
    pub fn original(&self, collection: &Collection, image: ImageId) -> Result<Original, CaseError> {
        let (record, path) = self.image_file(collection, image)?;
        if record.format != DICOM {
            return Ok(Original::File(Box::new(record), path));
        }
        let refused = |why| CaseError::Stored { image, why };
        if record.mpp.is_some() {
            let message = "the files of a DICOM slide carry words about a person: ask for regions";
            return Err(refused(Refusal::new(Code::ImageIdentifying, message)));
        }
        let store = collection.store();
        let slots = store.points_of_image(image, Slot(0), 1).map_err(CollectionError::from)?;
        let point = slots.first().and_then(|slot| store.record(*slot));
        let options = reading(point.as_ref().map(|point| &point.payload));
        let picture = read_image_bytes(&path)
            .and_then(|bytes| read_picture_guarded_with(bytes, options))
            .map_err(refused)?;
        encode_png(&picture.raster).map(Original::Png).map_err(refused)
    }
}

/// The format whose files are kept under pseudonyms.
const DICOM: &str = "dicom";

/// Where a record's file is, and how errors may call it.
pub fn located(
    named: &Named,
    record: &ImageRecord,
    key: &[u8; 32],
) -> Result<Option<(PathBuf, PathBuf)>, Refusal> {
    let Some(root) = &record.root else { return Ok(None) };
    let shown = PathBuf::from(root).join(&record.uri);
    if record.format != DICOM || !record.uri.starts_with(Deid::FILE_PREFIX) {
        return Ok(Some((shown.clone(), shown)));
    }
    Ok(Some((named.path(Path::new(root), &record.uri, key)?, shown)))
}

/// How a stored picture is read again: what was allowed once is, and the frame is the same.
pub fn reading(payload: Option<&Payload>) -> ReadOptions {
    let frame = payload
        .and_then(|payload| payload.fields().get(Payload::RESERVED))
        .and_then(|server| server.pointer("/dicom/frame"))
        .and_then(Value::as_u64)
        .and_then(|frame| u32::try_from(frame).ok());
    let frame = frame.map_or(FrameChoice::Middle, FrameChoice::Number);
    let dicom = DicomOptions { allow_burned_in: true, frame, ..DicomOptions::default() };
    ReadOptions { dicom, key: None }
}
