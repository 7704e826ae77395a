//! Bytes that begin where a cache line begins, so that a row of whole lines touches no other.

/// Bytes of a cache line, and of the registers that read one at a time.
pub const LINE: usize = 64;

#[repr(C, align(64))]
#[derive(Debug, Clone, Copy)]
struct Line([u8; LINE]);

/// A growing array of bytes, aligned to 64; its length is a multiple of 64. New bytes are zeros.
#[derive(Debug, Clone, Default)]
pub struct Lines(Vec<Line>);

impl Lines {
    /// `bytes` zeros, rounded up to whole lines.
    #[must_use]
    pub fn zeroed(bytes: usize) -> Self {
        let mut lines = Self::default();
        lines.resize(bytes);
        lines
    }

    /// Cuts or grows to `bytes`, rounded up to whole lines.
    pub fn resize(&mut self, bytes: usize) {
        self.0.resize(bytes.div_ceil(LINE), Line([0; LINE]));
    }

    /// Makes room for `bytes` more.
    pub fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes.div_ceil(LINE));
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let bytes = self.0.len() * LINE;
        // SAFETY: a `Line` is 64 initialised bytes without padding (its size is its alignment), so
        // `len` of them are as many bytes in one piece, borrowed as long as `self` is.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), bytes) }
    }

    /// All bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.0.len() * LINE;
        // SAFETY: as in `bytes`; the borrow is exclusive, and any byte is a valid one.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), bytes) }
    }
}
