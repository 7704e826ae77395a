//! From a frame's samples to RGB of 8 bits.

use super::codecs::{Samples, damaged};
use super::data_set::DataSet;
use super::header::{Header, Photometric};
use super::tags::{self, Tag};
use crate::refusal::Refusal;

/// RGB of a frame in colours.
///
/// # Errors
/// A palette that is missing or cut into segments.
pub(crate) fn rgb(
    set: &DataSet<'_>,
    header: &Header,
    photometric: Photometric,
    samples: Samples,
) -> Result<Vec<u8>, Refusal> {
    if photometric == Photometric::Palette {
        return palette(set, header, &samples);
    }
    rgb_plain(header, photometric, samples)
}

/// RGB of a frame whose colours need no table.
///
/// # Errors
/// One that does.
pub(crate) fn rgb_plain(
    header: &Header,
    photometric: Photometric,
    samples: Samples,
) -> Result<Vec<u8>, Refusal> {
    if photometric.needs_words() || photometric.is_grey() {
        return Err(damaged("its samples are no colours"));
    }
    let pixels = eight(samples, header.bits_stored);
    Ok(match photometric {
        Photometric::YbrFull | Photometric::YbrFull422 | Photometric::YbrCodec => {
            pixels.as_chunks::<3>().0.iter().flat_map(|pixel| from_ybr(*pixel)).collect()
        }
        _ => pixels,
    })
}

/// Eight bits of what is stored, rounded.
fn eight(samples: Samples, bits: u16) -> Vec<u8> {
    match samples {
        Samples::Eight(samples) if bits >= 8 => samples,
        Samples::Eight(samples) => samples.into_iter().map(|v| scaled(v.into(), bits)).collect(),
        Samples::Sixteen(samples) => samples.into_iter().map(|v| scaled(v, bits)).collect(),
    }
}

fn scaled(value: u16, bits: u16) -> u8 {
    let top = u32::from(u16::MAX >> (16 - bits.clamp(1, 16)));
    let value = u32::from(value) & top;
    u8::try_from((value * 255 + top / 2) / top).unwrap_or(u8::MAX)
}

/// PS3.3 C.7.6.3.1.2, rounded to the nearest.
fn from_ybr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
    let green = y - (0.114 * 1.772 / 0.587) * cb - (0.299 * 1.402 / 0.587) * cr;
    [y + 1.402 * cr, green, y + 1.772 * cb].map(|v| (v + 0.5).floor().clamp(0.0, 255.0) as u8)
}

/// One channel of a palette.
struct Channel {
    first: i32,
    values: Vec<u8>,
}

fn palette(set: &DataSet<'_>, header: &Header, samples: &Samples) -> Result<Vec<u8>, Refusal> {
    let channels = [
        channel(set, header, tags::RED_DESCRIPTOR, tags::RED_TABLE)?,
        channel(set, header, tags::GREEN_DESCRIPTOR, tags::GREEN_TABLE)?,
        channel(set, header, tags::BLUE_DESCRIPTOR, tags::BLUE_TABLE)?,
    ];
    let colour = |raw: u16| {
        let index = if header.signed { i32::from(raw as i16) } else { i32::from(raw) };
        channels.each_ref().map(|channel| {
            let last = channel.values.len().saturating_sub(1);
            let at = (index - channel.first).clamp(0, last as i32) as usize;
            channel.values.get(at).copied().unwrap_or_default()
        })
    };
    Ok(match samples {
        Samples::Eight(samples) => samples.iter().flat_map(|raw| colour(u16::from(*raw))).collect(),
        Samples::Sixteen(samples) => samples.iter().flat_map(|raw| colour(*raw)).collect(),
    })
}

fn channel(
    set: &DataSet<'_>,
    header: &Header,
    descriptor: Tag,
    table: Tag,
) -> Result<Channel, Refusal> {
    let missing = || damaged("its palette is missing, or cut into segments, which are not read");
    let &[count, first, bits] = set.shorts(descriptor).as_slice() else { return Err(missing()) };
    let count = if count == 0 { 65_536 } else { usize::from(count) };
    let raw = set.value(table).ok_or_else(missing)?;
    let values = if raw.len() < count * 2 {
        raw.iter().take(count).copied().collect()
    } else {
        let words = set.shorts(table);
        // Sixteen bits are the upper end of a colour; eight in a word of their own are all of it.
        let eight = |word: u16| if bits > 8 { (word >> 8) as u8 } else { word as u8 };
        words.into_iter().take(count).map(eight).collect()
    };
    let first = if header.signed { i32::from(first as i16) } else { i32::from(first) };
    Ok(Channel { first, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ybr_and_depths() {
        assert_eq!(from_ybr([77, 128, 128]), [77; 3]);
        assert_eq!(from_ybr([76, 85, 255]), [254, 0, 0]);
        assert_eq!([scaled(4095, 12), scaled(2048, 12), scaled(0, 12)], [255, 128, 0]);
        assert_eq!(scaled(0xf00f, 4), 255, "bits above the stored ones do not count");
    }
}
