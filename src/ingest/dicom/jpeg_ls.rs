//! JPEG-LS, with and without loss (ITU-T T.87): no crate of it is pure Rust.

mod bits;
mod coder;

use bits::Bits;
use coder::{Coder, Scan};

/// Why a stream can't be read, in words.
pub(super) type Why = &'static str;

const SHORT: Why = "it is cut short";

/// What stands before a scan.
#[derive(Debug, Default, Clone, Copy)]
struct Head {
    bits: u8,
    width: u32,
    height: u32,
    components: usize,
    /// Largest value, three thresholds, reset; 0: the default.
    presets: [i32; 5],
}

/// Decodes a stream to interleaved samples of (width, height, components), which it must have.
///
/// # Errors
/// In words.
pub(super) fn decode(stream: &[u8], wanted: (u32, u32, usize)) -> Result<Vec<u16>, Why> {
    let (mut head, mut at) = (Head::default(), 2);
    let (width, height, components) = wanted;
    let mut samples = Vec::new();
    let mut done = 0;
    while done < components {
        let (marker, segment, next) = segment(stream, at)?;
        at = next;
        match marker {
            0xf7 => {
                head = frame(segment, head)?;
                if (head.width, head.height, head.components) != wanted {
                    return Err("it has another size than the header says");
                }
                samples = vec![0; width as usize * height as usize * components];
            }
            0xf8 => presets(segment, &mut head)?,
            0xda => {
                if samples.is_empty() {
                    return Err("a scan comes before its frame");
                }
                let scan = scan(segment, &head)?;
                if done + scan.components > components {
                    return Err("it has more scans than components");
                }
                let mut coder = Coder::new(scan, Bits::new(stream.get(at..).unwrap_or(&[])));
                coder.decode(&mut samples, done, components)?;
                done += scan.components;
                at += coder.consumed();
            }
            0xd9 => return Err(SHORT),
            0xdd => return Err("it uses restart intervals, which are not read"),
            _ => {}
        }
    }
    Ok(samples)
}

/// The next marker with its segment, and what follows it.
fn segment(stream: &[u8], mut at: usize) -> Result<(u8, &[u8], usize), Why> {
    loop {
        match stream.get(at..at + 2).ok_or(SHORT)? {
            [0xff, 0xff] => at += 1,
            [0xff, marker @ (0x01 | 0xd0..=0xd9)] => return Ok((*marker, &[], at + 2)),
            [0xff, marker @ 0x80..=0xff] => {
                let length = stream.get(at + 2..at + 4).and_then(<[u8]>::first_chunk);
                let length = usize::from(u16::from_be_bytes(*length.ok_or(SHORT)?));
                let body = stream.get(at + 4..at + 2 + length).ok_or(SHORT)?;
                return Ok((*marker, body, at + 2 + length));
            }
            _ => at += 1,
        }
    }
}

fn frame(segment: &[u8], head: Head) -> Result<Head, Why> {
    let &[bits, y1, y0, x1, x0, components, ..] = segment else { return Err(SHORT) };
    if !(2..=16).contains(&bits) {
        return Err("its samples have an impossible number of bits");
    }
    Ok(Head {
        bits,
        width: u16::from_be_bytes([x1, x0]).into(),
        height: u16::from_be_bytes([y1, y0]).into(),
        components: components.into(),
        ..head
    })
}

fn presets(segment: &[u8], head: &mut Head) -> Result<(), Why> {
    let (kind, values) = segment.split_first().ok_or(SHORT)?;
    if *kind != 1 {
        return Err("it uses mapping tables, which are not read");
    }
    let values = values.as_chunks::<2>().0.iter().map(|two| u16::from_be_bytes(*two).into());
    for (preset, value) in head.presets.iter_mut().zip(values) {
        *preset = value;
    }
    Ok(())
}

fn scan(segment: &[u8], head: &Head) -> Result<Scan, Why> {
    let (count, rest) = segment.split_first().ok_or(SHORT)?;
    let components = usize::from(*count);
    let &[near, interleave, ..] = rest.get(components * 2..).unwrap_or(&[]) else {
        return Err(SHORT);
    };
    let maps = rest.chunks(2).take(components).any(|pair| pair.get(1).is_some_and(|map| *map != 0));
    if maps || components == 0 || components > head.components || interleave > 2 {
        return Err("its scan has components or an order that are not read");
    }
    if interleave == 0 && components != 1 {
        return Err("its scan says one component and lists several");
    }
    let top = (1_i32 << head.bits) - 1;
    let [largest, t1, t2, t3, reset] = head.presets;
    let largest = if largest == 0 { top } else { largest };
    let near = i32::from(near);
    if largest > top || near > 255.min(largest / 2) {
        return Err("its presets lie outside its samples' range");
    }
    let defaults = coder::thresholds(largest, near);
    let pick = |preset: i32, default: i32| if preset == 0 { default } else { preset };
    Ok(Scan {
        width: head.width as usize,
        height: head.height as usize,
        components,
        by_sample: interleave == 2,
        largest,
        near,
        thresholds: [pick(t1, defaults[0]), pick(t2, defaults[1]), pick(t3, defaults[2])],
        reset: pick(reset, 64),
    })
}

#[cfg(test)]
mod tests;
