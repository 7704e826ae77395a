//! Bounds before allocation, a reader with a deadline, panics caught.

use std::any::Any;
use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use vitrail_domain::limits::{
    DECODE_MEMORY_MAX, DECODE_SECONDS_MAX, IMAGE_BYTES_MAX, IMAGE_SIDE_MIN, INFLATION_FREE_BYTES,
    INFLATION_MAX, PIXELS_MAX,
};
use vitrail_domain::{Code, Raster};

use crate::refusal::Refusal;

/// Bytes handed to a decoder at a time, so that the deadline is looked at often.
const CHUNK: usize = 64 * 1024;

/// What a header promises.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bytes that the decoder will hold: its buffers and its output.
    pub memory: u64,
    /// Bytes of the file.
    pub encoded: usize,
}

/// Refuses files that are empty or larger than a photograph may be.
pub(crate) fn check_bytes(bytes: u64) -> Result<(), Refusal> {
    if bytes == 0 {
        return Err(Refusal::new(Code::ImageEmpty, "the file is empty (0 bytes)"));
    }
    if bytes > IMAGE_BYTES_MAX {
        let message = format!("{bytes} bytes are more than the limit of {IMAGE_BYTES_MAX}");
        return Err(Refusal::new(Code::ImageTooLarge, message));
    }
    Ok(())
}

/// Refuses what a header promises before anything is allocated for it.
pub(crate) fn check_promise(promise: Promise) -> Result<(), Refusal> {
    let Promise { width, height, memory, encoded } = promise;
    if width == 0 || height == 0 {
        let message = format!("the header says {width} x {height} pixels: a side of none");
        return Err(Refusal::new(Code::ImageDamaged, message));
    }
    let pixels = u64::from(width) * u64::from(height);
    if Raster::byte_len(width, height).is_err() {
        let message = format!(
            "the header says {width} x {height} = {pixels} pixels, more than the limit of \
             {PIXELS_MAX}"
        );
        return Err(Refusal::new(Code::ImageTooLarge, message));
    }
    if memory > DECODE_MEMORY_MAX {
        let message = format!(
            "decoding {width} x {height} pixels of this kind takes {memory} bytes, more than the \
             limit of {DECODE_MEMORY_MAX}"
        );
        return Err(Refusal::new(Code::ImageTooLarge, message));
    }
    if memory > INFLATION_FREE_BYTES && memory / (encoded as u64).max(1) > INFLATION_MAX {
        let message = format!(
            "{encoded} bytes would inflate to {memory}, more than {INFLATION_MAX} for each: this \
             is how a decompression bomb looks"
        );
        return Err(Refusal::new(Code::ImageBomb, message));
    }
    if width.min(height) < IMAGE_SIDE_MIN {
        let message = format!(
            "{width} x {height} pixels are too few: each side needs {IMAGE_SIDE_MIN} or more"
        );
        return Err(Refusal::new(Code::ImageTooSmall, message));
    }
    Ok(())
}

/// Runs a decoder and turns its panic into a refusal.
///
/// # Errors
/// What `work` refuses; `image_damaged` where it panicked.
pub fn catch_panic<T>(work: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// The refusal for a decoder that panicked.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Refusal {
    let why = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    Refusal::new(Code::ImageDamaged, format!("the decoder gave up on the bytes: {why}"))
}

/// The refusal for a picture that took too long.
pub(crate) fn timed_out() -> Refusal {
    let message = format!("decoding took longer than {DECODE_SECONDS_MAX} seconds");
    Refusal::new(Code::ImageTimedOut, message)
}

/// When decoding must be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// `DECODE_SECONDS_MAX` from now.
    pub(crate) fn start() -> Self {
        Self(Instant::now() + Duration::from_secs(DECODE_SECONDS_MAX))
    }

    /// Whether it is over.
    pub(crate) fn is_over(self) -> bool {
        Instant::now() > self.0
    }

    #[cfg(test)]
    pub(crate) fn over() -> Self {
        Self(Instant::now().checked_sub(Duration::from_secs(1)).expect("a second ago"))
    }
}

/// Reads bytes in small pieces until the deadline; remembers whether more was asked than is there.
pub(crate) struct Guarded<'a> {
    bytes: &'a [u8],
    at: usize,
    deadline: Deadline,
    ended: &'a Cell<bool>,
}

impl<'a> Guarded<'a> {
    /// A reader over `bytes`; sets `ended` when a read finds nothing left.
    pub(crate) fn new(bytes: &'a [u8], deadline: Deadline, ended: &'a Cell<bool>) -> Self {
        Self { bytes, at: 0, deadline, ended }
    }
}

impl BufRead for Guarded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.deadline.is_over() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the decoding deadline is over"));
        }
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        if rest.is_empty() {
            self.ended.set(true);
        }
        Ok(rest.get(..CHUNK).unwrap_or(rest))
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount);
    }
}

impl Read for Guarded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl Seek for Guarded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => usize::try_from(at).ok(),
            SeekFrom::End(by) => shifted(self.bytes.len(), by),
            SeekFrom::Current(by) => shifted(self.at, by),
        };
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the start");
        self.at = to.ok_or_else(outside)?;
        Ok(self.at as u64)
    }
}

fn shifted(at: usize, by: i64) -> Option<usize> {
    at.checked_add_signed(isize::try_from(by).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(width: u32, height: u32, memory: u64, encoded: usize) -> Option<Code> {
        check_promise(Promise { width, height, memory, encoded }).err().map(|refusal| refusal.code)
    }

    #[test]
    fn promises_are_held_against_the_bounds() {
        assert_eq!(code(100, 100, 30_000, 1_000), None);
        assert_eq!(code(0, 10, 0, 10), Some(Code::ImageDamaged));
        assert_eq!(code(u32::MAX, u32::MAX, u64::MAX, 10), Some(Code::ImageTooLarge));
        assert_eq!(code(10_001, 10_000, 1, 10), Some(Code::ImageTooLarge));
        assert_eq!(code(10_000, 10_000, DECODE_MEMORY_MAX + 1, 1 << 24), Some(Code::ImageTooLarge));
        assert_eq!(code(8_000, 8_000, 192_000_000, 100_000), Some(Code::ImageBomb));
        assert_eq!(code(2_000, 2_000, 12_000_000, 10), None, "small rasters may be flat");
        assert_eq!(code(7, 400, 8_400, 100), Some(Code::ImageTooSmall));
    }

    #[test]
    fn the_reader_stops_at_the_deadline_and_remembers_the_end() {
        let ended = Cell::new(false);
        let mut reader = Guarded::new(b"abc", Deadline::start(), &ended);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect("three bytes");
        assert_eq!((all.as_slice(), ended.get()), (b"abc".as_slice(), true));
        assert_eq!(reader.seek(SeekFrom::Current(-2)).expect("back"), 1);
        assert!(reader.seek(SeekFrom::End(-4)).is_err());
        let mut late = Guarded::new(b"abc", Deadline::over(), &ended);
        assert_eq!(late.fill_buf().expect_err("late").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_panic_becomes_a_refusal() {
        let refusal = catch_panic::<()>(|| std::panic::resume_unwind(Box::new("oh".to_owned())));
        assert!(refusal.expect_err("a refusal").message.ends_with("oh"));
    }
}
