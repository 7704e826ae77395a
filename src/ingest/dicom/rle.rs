//! DICOM's run lengths of bytes (PS3.5, annex G).

/// Segments of a frame at most: 15 stand in its head.
const SEGMENTS_MAX: usize = 15;

/// Unpacks the `count` planes of bytes of a frame, the most significant byte of a sample first,
/// each of `pixels` bytes.
///
/// # Errors
/// In words.
pub(super) fn planes(
    stored: &[u8],
    count: usize,
    pixels: usize,
) -> Result<Vec<Vec<u8>>, &'static str> {
    let head = stored.get(..64).ok_or("its table of run lengths is cut short")?;
    let numbers: Vec<usize> =
        head.as_chunks::<4>().0.iter().map(|four| u32::from_le_bytes(*four) as usize).collect();
    let [segments, offsets @ ..] = numbers.as_slice() else { return Err("it has no table") };
    if *segments != count || count > SEGMENTS_MAX {
        return Err("it has another number of run-length segments than its samples take");
    }
    let end = |index: usize| {
        let next = offsets.get(index + 1).copied().filter(|_| index + 1 < count);
        next.unwrap_or(stored.len())
    };
    (0..count)
        .map(|index| {
            let start = offsets.get(index).copied().unwrap_or(usize::MAX);
            let segment = stored.get(start..end(index));
            unpack(segment.ok_or("a run-length segment lies outside its frame")?, pixels)
        })
        .collect()
}

fn unpack(mut packed: &[u8], pixels: usize) -> Result<Vec<u8>, &'static str> {
    let short = "its run lengths end before its pixels do";
    let mut plane = Vec::with_capacity(pixels);
    while plane.len() < pixels {
        let (control, rest) = packed.split_first().ok_or(short)?;
        let left = pixels - plane.len();
        match *control as i8 {
            -128 => packed = rest,
            run @ 0.. => {
                let length = run as usize + 1;
                let bytes = rest.get(..length).ok_or(short)?;
                plane.extend_from_slice(bytes.get(..left).unwrap_or(bytes));
                packed = rest.get(length..).unwrap_or(&[]);
            }
            run => {
                let (byte, rest) = rest.split_first().ok_or(short)?;
                plane.extend(std::iter::repeat_n(
                    *byte,
                    left.min(1 + usize::from(run.unsigned_abs())),
                ));
                packed = rest;
            }
        }
    }
    Ok(plane)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(segment: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        (bytes[0], bytes[4]) = (1, 64);
        bytes.extend_from_slice(segment);
        bytes
    }

    #[test]
    fn runs_and_literals() {
        // Three literals, four times 9, a control that does nothing, one literal.
        let stored = framed(&[2, 1, 2, 3, 0xfd, 9, 0x80, 0, 7]);
        assert_eq!(planes(&stored, 1, 8), Ok(vec![vec![1, 2, 3, 9, 9, 9, 9, 7]]));
        assert!(planes(&stored, 1, 9).is_err(), "cut short");
        assert!(planes(&stored, 2, 8).is_err(), "another number of segments");
        assert!(planes(&stored[..60], 1, 8).is_err());
    }
}
