//! Bytes -> a picture with its hashes, or a refusal in words.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use vitrail_domain::limits::{DECODE_SECONDS_MAX, IMAGE_BYTES_MAX};
use vitrail_domain::{Code, Raster};

use crate::dicom::{self, DicomOptions};
use crate::driver::{self, Decoded};
use crate::guard::{self, Deadline};
use crate::hash::{perceptual_hash, pixel_hash};
use crate::refusal::Refusal;

/// Seconds that a decoder gets beyond its own deadline before its thread is left behind.
const GRACE_SECONDS: u64 = 5;

/// A decoded picture. Nothing of its metadata is kept but that it was turned, and what a DICOM file
/// says after de-identification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Upright RGB pixels.
    pub raster: Raster,
    /// `jpeg`, `png`, `tiff`, `webp`, `bmp` or `dicom`: by content, whatever the name said.
    pub format: &'static str,
    /// BLAKE3 of width, height and upright pixels.
    pub pixel_hash: [u8; 32],
    /// 64-bit difference hash of the grey 9 x 8 picture.
    pub perceptual_hash: u64,
    /// The file asked to be turned or mirrored (EXIF or TIFF orientation), and was.
    pub oriented: bool,
    /// What a DICOM file says of its picture, de-identified; only where a key was given.
    pub dicom: Option<Value>,
}

/// How pictures are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// What concerns DICOM files.
    pub dicom: DicomOptions,
    /// The store's key, which words about people are hashed with; without one none are taken.
    pub key: Option<[u8; 32]>,
}

/// Decodes a picture from its bytes: JPEG, PNG, TIFF (the first page), WebP (the first frame), BMP
/// or DICOM (the middle frame), sniffed by content.
///
/// Sizes are checked from the header before anything is allocated; a decoder's panic is caught;
/// its reads stop at a deadline. A picture that is cut short is refused, not filled with grey.
///
/// # Errors
/// A [`Refusal`] with one of the `image_*` codes and a sentence that names what is wrong.
pub fn read_picture(bytes: &[u8]) -> Result<Picture, Refusal> {
    read_picture_with(bytes, &ReadOptions::default())
}

/// [`read_picture`] with options.
///
/// # Errors
/// As [`read_picture`].
pub fn read_picture_with(bytes: &[u8], options: &ReadOptions) -> Result<Picture, Refusal> {
    guard::check_bytes(bytes.len() as u64)?;
    let driver = driver::find(bytes)?;
    let decode = || match driver.name {
        driver::DICOM => {
            dicom::decode_with(bytes, &options.dicom, options.key.as_ref(), Deadline::start())
        }
        _ => Ok(((driver.decode)(bytes, Deadline::start())?, None)),
    };
    let (Decoded { raster, oriented }, dicom) = guard::catch_panic(decode)?;
    Ok(Picture {
        format: driver.name,
        dicom,
        pixel_hash: pixel_hash(&raster),
        perceptual_hash: perceptual_hash(&raster),
        oriented,
        raster,
    })
}

/// [`read_picture`] on a thread of its own: where a decoder ignores its deadline, the caller goes
/// on and the thread ends by itself.
///
/// # Errors
/// As [`read_picture`]; `image_timed_out` when the thread did not answer in time.
pub fn read_picture_guarded(bytes: Arc<[u8]>) -> Result<Picture, Refusal> {
    read_picture_guarded_with(bytes, ReadOptions::default())
}

/// [`read_picture_guarded`] with options.
///
/// # Errors
/// As [`read_picture_guarded`].
pub fn read_picture_guarded_with(
    bytes: Arc<[u8]>,
    options: ReadOptions,
) -> Result<Picture, Refusal> {
    let (answer, wait) = sync_channel(1);
    thread::Builder::new()
        .name("decode".to_owned())
        .spawn(move || {
            // The receiver may have given up; then nobody wants the answer.
            let _ = answer.send(read_picture_with(&bytes, &options));
        })
        .map_err(|error| {
            Refusal::new(Code::Internal, format!("no thread to decode on: {error}"))
        })?;
    match wait.recv_timeout(Duration::from_secs(DECODE_SECONDS_MAX + GRACE_SECONDS)) {
        Ok(picture) => picture,
        Err(RecvTimeoutError::Timeout) => Err(guard::timed_out()),
        Err(RecvTimeoutError::Disconnected) => Err(guard::panicked(&"its thread ended")),
    }
}

/// Reads a file and decodes it as [`read_picture_guarded`] does. Its size is checked before its
/// bytes are read.
///
/// # Errors
/// As [`read_picture`], and `file_unreadable`.
pub fn read_picture_file(path: &Path) -> Result<Picture, Refusal> {
    read_picture_guarded(read_image_bytes(path)?)
}

/// The bytes of an image file; its size is checked before they are read.
///
/// # Errors
/// `file_unreadable`; `image_too_large` above `IMAGE_BYTES_MAX`.
pub fn read_image_bytes(path: &Path) -> Result<Arc<[u8]>, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::unreadable(path, error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Refusal::unreadable(path, "it is not a file"));
    }
    guard::check_bytes(metadata.len())?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.take(IMAGE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes.into())
}
