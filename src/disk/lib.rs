//! Safe files: whole or not at all, checked, locked. This room never knows what the bytes mean.
//!
//! ```text
//! bytes -> temporary file in the same folder -> sync file -> rename -> sync folder   (safe_write)
//! file  -> header and body checked                                    -> bytes       (FileHeader)
//! file  -> read-only map                                              -> bytes       (Map)
//! ```

mod background;
mod error;
mod failing;
mod folder;
mod header;
mod lock;
mod map;
mod mark;
mod memory;
mod read;
mod real;
mod safe_write;
mod scratch;
mod seam;
mod typed;

pub use background::make_way;
pub use error::DiskError;
pub use failing::FailingDisk;
pub use folder::{create_dir_synced, list, remove_tree, sweep_temporaries, sync_dir};
pub use header::{FileHeader, HeaderError};
pub use lock::{FileLock, LockError};
pub use map::Map;
pub use mark::MarkFile;
pub use memory::MemoryDisk;
pub use read::{free_bytes, read_bounded};
pub use real::RealDisk;
pub use safe_write::{safe_write, safe_write_with};
pub use scratch::Scratch;
pub use seam::{Disk, Entry};
pub use typed::{bytes_of_floats, bytes_of_words, floats, words};
