//! Where a slide's bytes come from: a file read at offsets, or bytes in memory.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use vitrail_domain::Code;

use super::error::SlideError;

/// Bytes that are read by offset. Shared by threads: a read moves no cursor.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    File(Arc<File>, u64),
    Bytes(Arc<[u8]>),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, SlideError> {
        let unreadable = |error: io::Error| {
            SlideError::new(Code::FileUnreadable, format!("the slide can't be opened: {error}"))
        };
        let file = File::open(path).map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(SlideError::new(Code::FileUnreadable, "the slide is not a plain file"));
        }
        Ok(Self::File(Arc::new(file), meta.len()))
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::File(_, len) => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// `len` bytes at `offset`. The range is checked against the file's length before anything is
    /// allocated, so a hostile count costs nothing; `what` names the part in the error.
    pub(crate) fn read(&self, offset: u64, len: u64, what: &str) -> Result<Vec<u8>, SlideError> {
        let end = offset.checked_add(len).filter(|&end| end <= self.len());
        let (Some(_), Ok(size)) = (end, usize::try_from(len)) else {
            return Err(SlideError::new(
                Code::ImageTruncated,
                format!(
                    "{what}: {len} bytes at offset {offset} lie beyond the file's end at {}",
                    self.len()
                ),
            ));
        };
        let mut bytes = vec![0; size];
        self.fill(offset, &mut bytes).map_err(|error| {
            SlideError::new(Code::FileUnreadable, format!("{what} can't be read: {error}"))
        })?;
        Ok(bytes)
    }

    fn fill(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file, _) => read_exact_at(file, offset, into),
            Self::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let from = start.checked_add(into.len()).and_then(|end| bytes.get(start..end));
                into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, into: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !into.is_empty() {
        let got = file.seek_read(into, offset)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        offset += got as u64;
        into = &mut into[got..];
    }
    Ok(())
}
