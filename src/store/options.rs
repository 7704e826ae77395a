//! How much memory and disk a store may take.

use std::sync::Arc;

use vitrail_disk::{Disk, RealDisk};

const MIB: usize = 1024 * 1024;

/// Settings of an opened store, shared by all its collections.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The address that this process serves, for those who find the store locked.
    pub address: Option<String>,
    /// Bytes of RocksDB's block cache, all collections together; unsynced write buffers count in.
    pub cache_bytes: usize,
    /// Bytes of write buffers, all collections together: beyond it they are flushed to files. It is
    /// also about what is replayed after a kill, so it bounds the time to open.
    pub write_buffer_bytes: usize,
    /// Bytes that stay free on the disk: below it writes are refused, so that RocksDB has room to
    /// flush and compact what it has.
    pub free_bytes_min: u64,
    /// Bytes of each collection's cache of embeddings; the oldest go first.
    pub embedding_cache_bytes: u64,
    /// Threads that flush and compact, all collections together.
    pub background_threads: u32,
    /// Where whole files are kept (`format.vitrail`, `blobs/`) and free space is asked for.
    pub disk: Arc<dyn Disk>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            address: None,
            cache_bytes: 64 * MIB,
            write_buffer_bytes: 64 * MIB,
            free_bytes_min: 64 * MIB as u64,
            embedding_cache_bytes: 1024 * MIB as u64,
            background_threads: 2,
            disk: Arc::new(RealDisk),
        }
    }
}
