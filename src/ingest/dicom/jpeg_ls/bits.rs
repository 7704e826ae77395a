//! Bits of a JPEG-LS scan: a byte after 0xff carries seven.

use super::{SHORT, Why};

/// A reader of bits, the most significant first.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, in the highest places.
    held: u64,
    count: u32,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, held: 0, count: 0, after_ff: false }
    }

    /// Bytes taken so far: at a scan's end, where its next marker is looked for. One byte early,
    /// since a marker may stand right there.
    pub(super) fn consumed(&self) -> usize {
        self.at.saturating_sub(self.count as usize / 8 + 1)
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            // A marker: the scan ends here.
            if self.after_ff && byte >= 0x80 {
                return;
            }
            if byte == 0xff && self.bytes.get(self.at + 1).is_some_and(|next| *next >= 0x80) {
                return;
            }
            let width = if self.after_ff { 7 } else { 8 };
            self.held |= u64::from(byte) << (64 - width - self.count);
            self.count += width;
            self.after_ff = byte == 0xff;
            self.at += 1;
        }
    }

    /// `width` bits as a number, 0 to 32 of them.
    pub(super) fn take(&mut self, width: u32) -> Result<u32, Why> {
        if width == 0 {
            return Ok(0);
        }
        if self.count < width {
            self.fill();
            if self.count < width {
                return Err(SHORT);
            }
        }
        let value = (self.held >> (64 - width)) as u32;
        self.held <<= width;
        self.count -= width;
        Ok(value)
    }

    /// Zeros before the next one, which is taken too; at most `limit`.
    pub(super) fn zeros(&mut self, limit: u32) -> Result<u32, Why> {
        let mut zeros = 0;
        loop {
            if self.count == 0 {
                self.fill();
            }
            if self.count == 0 {
                return Err(SHORT);
            }
            let run = self.held.leading_zeros().min(self.count);
            zeros += run;
            if zeros > limit {
                return Err("a code is longer than it may be");
            }
            if run < self.count {
                self.held = self.held.checked_shl(run + 1).unwrap_or(0);
                self.count -= run + 1;
                return Ok(zeros);
            }
            (self.held, self.count) = (0, 0);
        }
    }
}
