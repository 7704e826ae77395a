//! Decoded tiles kept for the neighbours that will ask for them: least recently used goes first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::codecs::Tile;

/// Level, column, row.
pub(super) type TileKey = (usize, u32, u32);

/// A bounded cache shared by threads. Decoding happens outside its lock, so two threads may decode
/// the same tile once each; neither waits for the other.
#[derive(Debug)]
pub(super) struct TileCache {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    tiles: HashMap<TileKey, (u64, Arc<Tile>)>,
    bytes: usize,
    clock: u64,
}

impl TileCache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    pub(super) fn get(&self, key: TileKey) -> Option<Arc<Tile>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        let (used, tile) = kept.tiles.get_mut(&key)?;
        *used = now;
        Some(Arc::clone(tile))
    }

    /// Keeps a tile. A scan finds the oldest: a few hundred entries beside a millisecond of
    /// decoding.
    pub(super) fn put(&self, key: TileKey, tile: Arc<Tile>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let now = kept.clock;
        kept.bytes += tile.len();
        if let Some((_, replaced)) = kept.tiles.insert(key, (now, tile)) {
            kept.bytes -= replaced.len();
        }
        while kept.bytes > self.bytes_max {
            let oldest = kept.tiles.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            let Some((_, dropped)) = oldest.and_then(|key| kept.tiles.remove(&key)) else { break };
            kept.bytes -= dropped.len();
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let cache = TileCache::new(300);
        for column in 0..3 {
            cache.put((0, column, 0), Arc::new(vec![0; 100]));
        }
        assert!(cache.get((0, 0, 0)).is_some());
        cache.put((0, 3, 0), Arc::new(vec![0; 100]));
        assert!(cache.get((0, 1, 0)).is_none() && cache.get((0, 0, 0)).is_some());
        cache.put((0, 3, 0), Arc::new(vec![0; 50]));
        assert_eq!(cache.bytes(), 250);
        cache.put((0, 9, 0), Arc::new(vec![0; 1000]));
        assert_eq!(cache.bytes(), 0, "a tile above the bound is not kept");
    }
}
