//! One stored frame -> its samples.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};
use vitrail_domain::Code;

use super::header::{Header, Photometric};
use super::syntax::Packing;
use super::{jpeg_ls, rle};
use crate::guard::Deadline;
use crate::refusal::Refusal;

/// Interleaved samples of one frame; bits above the stored ones are the file's own business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Samples {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Self::Eight(samples) => samples.len(),
            Self::Sixteen(samples) => samples.len(),
        }
    }
}

/// A frame's samples, and what they mean by now: a codec may have undone YCbCr.
pub(crate) struct Frame {
    pub samples: Samples,
    pub photometric: Photometric,
}

pub(crate) fn damaged(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::ImageDamaged, format!("a frame of the DICOM file is damaged: {what}"))
}

/// A packing that is read, with a feature that is not.
fn unsupported(header: &Header, what: impl std::fmt::Display) -> Refusal {
    let (name, uid) = (header.syntax.name, header.syntax.uid);
    let message = format!("the DICOM file's pixels are packed as {name} ({uid}) {what}");
    Refusal::new(Code::ImageUnsupported, message)
}

/// Unpacks a frame; exactly as many samples come out as the header says.
///
/// # Errors
/// Damage, and features of a packing that are not read.
pub(crate) fn decode(header: &Header, stored: &[u8], at: Deadline) -> Result<Frame, Refusal> {
    let frame = match header.syntax.packing {
        Packing::Native => native(header, stored),
        Packing::Rle => rle(header, stored)?,
        Packing::Jpeg => jpeg(header, stored, at)?,
        Packing::JpegLossless => lossless(header, stored)?,
        Packing::JpegLs => jpeg_ls(header, stored)?,
        Packing::Jpeg2000 => jpeg_2000(header, stored)?,
        Packing::Unread => return Err(unsupported(header, "which is not read")),
    };
    let (got, expected) = (frame.samples.len(), header.samples_of_frame());
    if got != expected {
        return Err(damaged(format!("{got} samples where the header says {expected}")));
    }
    Ok(frame)
}

fn native(header: &Header, stored: &[u8]) -> Frame {
    let big = header.syntax.coding().big;
    let number = |two: &[u8; 2]| {
        if big { u16::from_be_bytes(*two) } else { u16::from_le_bytes(*two) }
    };
    let samples = if header.bits_allocated == 8 {
        Samples::Eight(stored.to_vec())
    } else {
        Samples::Sixteen(stored.as_chunks::<2>().0.iter().map(number).collect())
    };
    let (samples, photometric) = match header.photometric {
        Photometric::YbrFull422 => (spread(samples), Photometric::YbrFull),
        other => (samples, other),
    };
    let pixels = header.pixels() as usize;
    let samples = if header.planar { interleaved(samples, pixels) } else { samples };
    Frame { samples, photometric }
}

/// Two pixels Y, Y with one Cb, Cr (PS3.3 C.7.6.3.1.2) -> each with its own.
fn spread(samples: Samples) -> Samples {
    fn each<T: Copy>(samples: &[T]) -> Vec<T> {
        let pairs = samples.as_chunks::<4>().0;
        pairs.iter().flat_map(|[one, two, cb, cr]| [*one, *cb, *cr, *two, *cb, *cr]).collect()
    }
    match samples {
        Samples::Eight(samples) => Samples::Eight(each(&samples)),
        Samples::Sixteen(samples) => Samples::Sixteen(each(&samples)),
    }
}

/// Planes -> pixels.
fn interleaved(samples: Samples, pixels: usize) -> Samples {
    fn each<T: Copy>(samples: &[T], pixels: usize) -> Vec<T> {
        let planes: Vec<&[T]> = samples.chunks_exact(pixels.max(1)).collect();
        (0..pixels)
            .flat_map(|at| planes.iter().filter_map(move |plane| plane.get(at).copied()))
            .collect()
    }
    match samples {
        Samples::Eight(samples) => Samples::Eight(each(&samples, pixels)),
        Samples::Sixteen(samples) => Samples::Sixteen(each(&samples, pixels)),
    }
}

fn rle(header: &Header, stored: &[u8]) -> Result<Frame, Refusal> {
    let bytes = usize::from(header.bits_allocated / 8);
    let pixels = header.pixels() as usize;
    let planes = rle::planes(stored, header.samples * bytes, pixels).map_err(damaged)?;
    let mut samples = Vec::with_capacity(header.samples_of_frame());
    let plane = |index: usize, at: usize| planes.get(index).and_then(|p| p.get(at)).copied();
    for at in 0..pixels {
        for sample in 0..header.samples {
            let high = plane(sample * bytes, at).unwrap_or_default();
            let low = if bytes == 2 { plane(sample * bytes + 1, at) } else { None };
            samples.push(low.map_or(high.into(), |low| u16::from_be_bytes([high, low])));
        }
    }
    Ok(Frame { samples: narrowed(samples, header), photometric: header.photometric })
}

/// Eight bits where the header allocates eight.
fn narrowed(samples: Vec<u16>, header: &Header) -> Samples {
    if header.bits_allocated == 8 {
        Samples::Eight(samples.into_iter().map(|sample| sample as u8).collect())
    } else {
        Samples::Sixteen(samples)
    }
}

/// JPEG by libjpeg; asked for colours, it gives RGB.
fn jpeg(header: &Header, stored: &[u8], at: Deadline) -> Result<Frame, Refusal> {
    use crate::jpeg::{Colours, samples};
    if let Some(bits) = frame_bits(stored).filter(|bits| *bits != 8) {
        return Err(unsupported(header, format!("with {bits} bits a sample; 8 are read")));
    }
    // Where the file says RGB, a code stream without a mark of its own is taken at its word.
    let colours = match header.photometric {
        _ if header.samples == 1 => Colours::Grey,
        Photometric::Rgb if !marks_colours(stored) => Colours::Stored,
        _ => Colours::Rgb,
    };
    let picture = samples(stored, colours, at)?;
    if (picture.width, picture.height) != (header.width, header.height) {
        let (width, height) = (picture.width, picture.height);
        return Err(damaged(format!(
            "its JPEG has {width} x {height} pixels where the header says {} x {}",
            header.width, header.height
        )));
    }
    let photometric = if header.samples == 3 { Photometric::Rgb } else { header.photometric };
    let samples = if header.bits_allocated == 8 {
        Samples::Eight(picture.samples)
    } else {
        Samples::Sixteen(picture.samples.into_iter().map(u16::from).collect())
    };
    Ok(Frame { samples, photometric })
}

/// The segments of a JPEG stream up to its frame header: marker and body.
fn segments(stored: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while stored.get(at..at + 2)? == [0xff, 0xff] {
            at += 1;
        }
        let [0xff, marker, high, low] = *stored.get(at..)?.first_chunk::<4>()? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = stored.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        (marker != 0xda).then_some((marker, body))
    })
}

/// Bits a sample of a JPEG stream, from its frame header.
fn frame_bits(stored: &[u8]) -> Option<u8> {
    let is_frame =
        |marker: u8| matches!(marker, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf);
    let frame = segments(stored).find(|(marker, _)| is_frame(*marker))?;
    frame.1.first().copied()
}

/// Whether a stream says by itself what its three components are: JFIF, or Adobe's segment.
fn marks_colours(stored: &[u8]) -> bool {
    segments(stored).any(|(marker, body)| {
        marker == 0xe0 && body.starts_with(b"JFIF\0")
            || marker == 0xee && body.starts_with(b"Adobe")
    })
}

fn lossless(header: &Header, stored: &[u8]) -> Result<Frame, Refusal> {
    let why = |error: jpeg_decoder::Error| damaged(format!("its lossless JPEG: {error}"));
    let mut decoder = Decoder::new(stored);
    decoder.set_color_transform(ColorTransform::None);
    decoder.read_info().map_err(why)?;
    let info = decoder.info().ok_or_else(|| damaged("its lossless JPEG holds no picture"))?;
    if (u32::from(info.width), u32::from(info.height)) != (header.width, header.height)
        || info.pixel_format.pixel_bytes() > 3
    {
        return Err(damaged("its lossless JPEG has another size than the header says"));
    }
    let bytes = decoder.decode().map_err(why)?;
    let wide = info.pixel_format == PixelFormat::L16;
    let samples: Vec<u16> = if wide {
        // The crate hands 16 bits out in the machine's own order.
        bytes.as_chunks::<2>().0.iter().map(|two| native_order(*two)).collect()
    } else {
        bytes.into_iter().map(u16::from).collect()
    };
    Ok(Frame { samples: narrowed(samples, header), photometric: header.photometric })
}

fn native_order(two: [u8; 2]) -> u16 {
    if cfg!(target_endian = "big") { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
}

fn jpeg_ls(header: &Header, stored: &[u8]) -> Result<Frame, Refusal> {
    let wanted = (header.width, header.height, header.samples);
    let samples =
        jpeg_ls::decode(stored, wanted).map_err(|why| damaged(format!("JPEG-LS: {why}")))?;
    Ok(Frame { samples: narrowed(samples, header), photometric: header.photometric })
}

fn jpeg_2000(header: &Header, stored: &[u8]) -> Result<Frame, Refusal> {
    let why = |error: hayro_jpeg2000::DecodeError| damaged(format!("its JPEG 2000: {error}"));
    // A picture in a box may carry a palette or a colour space; DICOM says what samples mean.
    let stream = code_stream(stored).ok_or_else(|| damaged("it holds no JPEG 2000 stream"))?;
    let settings = DecodeSettings { resolve_palette_indices: false, ..DecodeSettings::default() };
    let image = Image::new(stream, &settings).map_err(why)?;
    if (image.width(), image.height()) != (header.width, header.height) {
        return Err(damaged("its JPEG 2000 has another size than the header says"));
    }
    let channels = usize::from(image.color_space().num_channels()) + usize::from(image.has_alpha());
    if channels != header.samples {
        let samples = header.samples;
        return Err(damaged(format!("its JPEG 2000 has {channels} components, not {samples}")));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(why)?;
    let signs = signs(stream);
    let planes = decoded.components();
    let mut samples = vec![0; header.samples_of_frame()];
    for (index, plane) in planes.iter().enumerate() {
        let depth = plane.bit_depth().min(16);
        let top = ((1_u32 << depth) - 1) as f32;
        let signed = signs.get(index).copied().unwrap_or(false);
        // The codec lifts signed samples as it does unsigned ones: half the range goes off again.
        let lift = if signed { 1_i32 << (depth - 1) } else { 0 };
        let into = samples.iter_mut().skip(index).step_by(header.samples.max(1));
        for (into, from) in into.zip(plane.samples()) {
            *into = (from.round().clamp(0.0, top) as i32 - lift) as u16;
        }
    }
    let photometric = match header.photometric {
        Photometric::YbrCodec => Photometric::Rgb,
        other => other,
    };
    Ok(Frame { samples: narrowed(samples, header), photometric })
}

/// The code stream, by itself or in a JP2 box.
fn code_stream(stored: &[u8]) -> Option<&[u8]> {
    let mark = [0xff, 0x4f, 0xff, 0x51];
    let at = stored.windows(4).position(|four| four == mark)?;
    stored.get(at..)
}

/// Whether each component is signed, from the segment SIZ at the head of a code stream.
fn signs(stream: &[u8]) -> Vec<bool> {
    let count = stream.get(40..42).and_then(<[u8]>::first_chunk).copied().map(u16::from_be_bytes);
    let each = stream.get(42..).unwrap_or(&[]).as_chunks::<3>().0;
    each.iter().take(count.unwrap_or(0).into()).map(|[depth, ..]| depth & 0x80 != 0).collect()
}
