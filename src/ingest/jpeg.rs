//! JPEG through libjpeg (mozjpeg's): pixel for pixel what Pillow and most training code saw.
//!
//! Of the decoders compared on 2,665 pictures only libjpeg is exact; the pure-Rust ones differ by
//! up to 7 grey levels in colour pictures (another chroma upsampling). This is the only file that
//! names it. libjpeg goes on after damage and paints grey; here its warnings stop the decoding.

use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

use image::RgbImage;
use image::metadata::Orientation;
use mozjpeg::{ColorSpace, Compress, Decompress};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr};
use vitrail_domain::limits::JPEG_SCANS_MAX;
use vitrail_domain::{Code, Raster};

use crate::driver::{Decoded, Detected};
use crate::flatten::upright;
use crate::guard::{self, Deadline, Guarded, Promise};
use crate::plain::cmyk;
use crate::refusal::Refusal;

mod header;

use header::{Header, Process};

pub(crate) fn detect(bytes: &[u8]) -> Detected {
    match bytes {
        [0xff, 0xd8, 0xff, 0x4f, ..] => Detected::No,
        [0xff, 0xd8, 0xff, ..] => Detected::Mine,
        [0xff, 0xd8] => {
            let message = "the JPEG ends after its first two bytes";
            Detected::Broken(Refusal::new(Code::ImageTruncated, message))
        }
        _ => Detected::No,
    }
}

pub(crate) fn decode(bytes: &[u8], deadline: Deadline) -> Result<Decoded, Refusal> {
    let header = Header::read(bytes)?;
    check(&header, bytes.len())?;
    let orientation =
        header.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let Samples { width, height, samples } = guarded(bytes, Colours::Rgb, deadline)?;
    let damaged = || Refusal::new(Code::ImageDamaged, "the JPEG has too few pixels");
    let image = RgbImage::from_raw(width, height, samples).ok_or_else(damaged)?;
    upright(image, orientation)
}

/// What colours come out of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// One sample a pixel.
    Grey,
    /// RGB, made of what the stream's own marks say it holds.
    Rgb,
    /// Three components as they are stored.
    Stored,
}

/// What came out of a stream.
pub(crate) struct Samples {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// 8 bits each, interleaved.
    pub samples: Vec<u8>,
}

/// The samples of a JPEG stream that is packed in another format, which says what they mean.
///
/// # Errors
/// As a JPEG file is refused.
pub(crate) fn samples(
    bytes: &[u8],
    colours: Colours,
    deadline: Deadline,
) -> Result<Samples, Refusal> {
    check(&Header::read(bytes)?, bytes.len())?;
    guarded(bytes, colours, deadline)
}

/// Decodes what was checked; libjpeg's panics become refusals.
fn guarded(bytes: &[u8], colours: Colours, deadline: Deadline) -> Result<Samples, Refusal> {
    let ended = Cell::new(false);
    let reader = Guarded::new(bytes, deadline, &ended);
    let pixels = catch_unwind(AssertUnwindSafe(|| pixels(reader, colours)));
    STRICT.set(false);
    let failure = match pixels {
        Ok(Ok(samples)) => return Ok(samples),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => reason(panic.as_ref(), bytes),
    };
    Err(explain(&failure, ended.get(), deadline))
}

fn check(header: &Header<'_>, encoded: usize) -> Result<(), Refusal> {
    let unsupported = |what: &str| {
        let message = format!("the JPEG uses a feature that is not read: {what}");
        Refusal::new(Code::ImageUnsupported, message)
    };
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    let pixels = u64::from(width) * u64::from(height);
    // Progressive pictures are held as coefficients (2 bytes a sample) until the last scan.
    let coefficients = if header.scans > 1 { pixels * header.samples * 2 / 64 } else { 0 };
    guard::check_promise(Promise { width, height, memory: pixels * 3 + coefficients, encoded })?;
    match header.process {
        Process::Read => {}
        Process::Unread(name) => return Err(unsupported(name)),
    }
    match header.components {
        1 | 3 => {}
        4 => return Err(cmyk("JPEG")),
        other => return Err(unsupported(&format!("{other} colour components"))),
    }
    if header.bits != 8 {
        return Err(unsupported(&format!("{} bits a sample", header.bits)));
    }
    if header.scans > JPEG_SCANS_MAX {
        let message =
            format!("the JPEG has {} scans, more than the limit of {JPEG_SCANS_MAX}", header.scans);
        return Err(Refusal::new(Code::ImageBomb, message));
    }
    Ok(())
}

/// Panics through libjpeg's error handlers.
fn pixels(reader: Guarded<'_>, colours: Colours) -> io::Result<Samples> {
    STRICT.set(false);
    let decoder = Decompress::with_err(strict_errors()).from_reader(reader)?;
    // Warnings before this line speak of markers that don't touch the picture.
    STRICT.set(true);
    let mut lines = match colours {
        Colours::Rgb => decoder.rgb()?,
        Colours::Grey => decoder.grayscale()?,
        Colours::Stored => {
            let stored = decoder.color_space();
            decoder.to_colorspace(stored)?
        }
    };
    let (width, height) = (lines.width() as u32, lines.height() as u32);
    // Bytes after the last line are not the picture's: `finish` is left out.
    Ok(Samples { width, height, samples: lines.read_scanlines::<u8>()? })
}

/// Encodes pixels; panics through libjpeg's error handlers. Without mozjpeg's own refinements,
/// which spend time to save bytes.
pub(crate) fn encode(raster: &Raster, quality: u8) -> io::Result<Vec<u8>> {
    let chroma = if quality < 90 { (2, 2) } else { (1, 1) };
    let mut settings = Compress::new(ColorSpace::JCS_RGB);
    settings.set_size(raster.width() as usize, raster.height() as usize);
    settings.set_fastest_defaults();
    settings.set_quality(f32::from(quality));
    settings.set_chroma_sampling_pixel_sizes(chroma, chroma);
    let mut lines = settings.start_compress(Vec::new())?;
    lines.write_scanlines(raster.pixels())?;
    lines.finish()
}

thread_local! {
    /// Whether a warning of libjpeg stops the decoding on this thread.
    static STRICT: Cell<bool> = const { Cell::new(false) };
}

/// What a warning unwinds with.
struct Warned;

/// What an error unwinds with.
struct Failed;

extern "C-unwind" fn on_error(_: &mut jpeg_common_struct) {
    panic::resume_unwind(Box::new(Failed));
}

extern "C-unwind" fn on_message(_: &mut jpeg_common_struct, level: i32) {
    // Levels below zero are warnings of damaged data; the others trace.
    if level < 0 && STRICT.get() {
        panic::resume_unwind(Box::new(Warned));
    }
}

extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}

fn strict_errors() -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(on_error),
        emit_message: Some(on_message),
        output_message: Some(ignore),
        format_message: None,
        reset_error_mgr: Some(ignore),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: std::ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: std::ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

/// What libjpeg had to say. Its own error handler has the words, so it is asked again.
fn reason(panic: &(dyn std::any::Any + Send), bytes: &[u8]) -> String {
    if panic.is::<Warned>() {
        return "the compressed data is broken, or ends within a scan".to_owned();
    }
    let again = catch_unwind(|| Decompress::new_mem(bytes)?.rgb()?.read_scanlines::<u8>());
    match again {
        Ok(Ok(_)) => "the compressed data is broken".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic
            .downcast_ref::<String>()
            .map_or("no reason given", |text| text.trim_start_matches("libjpeg fatal error: "))
            .to_owned(),
    }
}

fn explain(failure: &str, ended: bool, deadline: Deadline) -> Refusal {
    if deadline.is_over() {
        guard::timed_out()
    } else if ended {
        Refusal::new(Code::ImageTruncated, "the JPEG ends before its picture does")
    } else {
        Refusal::new(Code::ImageDamaged, format!("the JPEG is damaged: {failure}"))
    }
}
