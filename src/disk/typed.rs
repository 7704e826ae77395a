//! Little-endian numbers in a file's bytes, seen in place and not copied.

#[cfg(target_endian = "big")]
compile_error!("segment files are little-endian and are read where they are mapped");

/// The bytes as 32-bit words; `None` if they don't start on a word or end within one. O(1).
#[must_use]
pub fn words(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: every four bytes are a valid u32, and `align_to` hands out only what is aligned.
    let (before, words, after) = unsafe { bytes.align_to::<u32>() };
    (before.is_empty() && after.is_empty()).then_some(words)
}

/// The bytes as 32-bit floats; `None` if they don't start on one or end within one. O(1).
#[must_use]
pub fn floats(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: every four bytes are a valid f32, and `align_to` hands out only what is aligned.
    let (before, floats, after) = unsafe { bytes.align_to::<f32>() };
    (before.is_empty() && after.is_empty()).then_some(floats)
}

/// The words as they stand in a file. O(1).
#[must_use]
pub fn bytes_of_words(words: &[u32]) -> &[u8] {
    // SAFETY: a u32 has no padding, and a byte needs no alignment.
    unsafe { words.align_to::<u8>().1 }
}

/// The floats as they stand in a file. O(1).
#[must_use]
pub fn bytes_of_floats(floats: &[f32]) -> &[u8] {
    // SAFETY: an f32 has no padding, and a byte needs no alignment.
    unsafe { floats.align_to::<u8>().1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_are_little_endian() {
        let (numbers, values) = ([1_u32, 0x0203_0405], [1.5_f32, -0.0]);
        assert_eq!(bytes_of_words(&numbers), [1, 0, 0, 0, 5, 4, 3, 2]);
        assert_eq!(words(bytes_of_words(&numbers)), Some(numbers.as_slice()));
        assert_eq!(bytes_of_floats(&values)[..4], 1.5_f32.to_le_bytes());
        assert_eq!(floats(bytes_of_floats(&values)), Some(values.as_slice()));
    }

    #[test]
    fn what_is_not_whole_or_not_aligned_is_refused() {
        let bytes = bytes_of_words(&[1, 2, 3]);
        assert!(words(&bytes[1..5]).is_none() && floats(&bytes[1..5]).is_none());
        assert!(words(&bytes[..5]).is_none() && floats(&bytes[..5]).is_none());
        assert_eq!(words(&[]), Some([].as_slice()));
    }
}
