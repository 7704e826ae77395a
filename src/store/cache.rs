//! Embeddings made before, in two generations: when the younger is full, the older goes.

use vitrail_domain::limits::DIM_MAX;

use crate::codec::{self, Kind};
use crate::collection::CollectionStore;
use crate::error::StoreError;
use crate::rocks::{Batch, Db, EMBEDDINGS};

/// Where the cache stands.
pub(crate) struct EmbeddingCache {
    generation: u32,
    /// About how many bytes the youngest generation has.
    bytes: u64,
    bytes_max: u64,
}

impl EmbeddingCache {
    pub fn of(db: &Db, bytes_max: u64) -> Result<Self, StoreError> {
        let last = db.last_key(EMBEDDINGS)?;
        let head = last.as_ref().and_then(|key| key.first_chunk());
        let generation = head.map_or(0, |head| u32::from_be_bytes(*head));
        let (from, to) = (start(generation), start(generation.saturating_add(1)));
        let bytes = db.bytes_about(EMBEDDINGS, &from, &to)?;
        Ok(Self { generation, bytes, bytes_max })
    }

    /// Makes room for `bytes` more. Numbers of generations run out after 2^32 fills: then the
    /// youngest only grows.
    fn make_room(&mut self, db: &Db, batch: &mut Batch, bytes: u64) -> Result<(), StoreError> {
        if self.bytes + bytes > self.bytes_max / 2 {
            batch.delete_range(db, EMBEDDINGS, &start(0), &start(self.generation))?;
            self.generation = self.generation.saturating_add(1);
            self.bytes = 0;
        }
        self.bytes += bytes;
        Ok(())
    }
}

fn start(generation: u32) -> [u8; 4] {
    generation.to_be_bytes()
}

fn key_of(generation: u32, hash: &[u8; 32]) -> [u8; 36] {
    let mut key = [0; 36];
    key[..4].copy_from_slice(&start(generation));
    key[4..].copy_from_slice(hash);
    key
}

impl CollectionStore {
    /// An embedding made before, by the BLAKE3 of (pixel hash, contract).
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn cached_embedding(&self, hash: &[u8; 32]) -> Result<Option<Vec<f32>>, StoreError> {
        let generation = self.embeddings().lock().generation;
        for generation in [Some(generation), generation.checked_sub(1)].into_iter().flatten() {
            let key = key_of(generation, hash);
            let mut embedding = Vec::new();
            if self.db().floats(EMBEDDINGS, Kind::Embedding, &key, &mut embedding)? {
                return Ok(Some(embedding));
            }
        }
        Ok(None)
    }

    /// Keeps embeddings for another time, within `StoreOptions::embedding_cache_bytes`; the oldest
    /// go first. Not synced.
    ///
    /// # Errors
    /// An embedding above `DIM_MAX`, no space, or a failing disk.
    pub fn put_embeddings(&self, embeddings: &[([u8; 32], Vec<f32>)]) -> Result<(), StoreError> {
        if let Some((_, wide)) = embeddings.iter().find(|(_, made)| made.len() > DIM_MAX) {
            let (got, max) = (wide.len() as u64, DIM_MAX as u64);
            return Err(StoreError::TooLarge { what: "components of an embedding", got, max });
        }
        let bytes = embeddings.iter().map(|(_, made)| made.len() as u64 * 4 + 64).sum();
        let mut batch = Batch::default();
        let mut cache = self.embeddings().lock();
        cache.make_room(self.db(), &mut batch, bytes)?;
        for (hash, embedding) in embeddings {
            let key = key_of(cache.generation, hash);
            let value = codec::seal_floats(Kind::Embedding, &key, embedding);
            batch.put(self.db(), EMBEDDINGS, &key, &value)?;
        }
        self.write_unsynced(batch)
    }
}
