//! Sets of slots that leaves of filters gave, kept for as long as one commit is the newest.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use roaring::RoaringBitmap;
use vitrail_domain::limits::{FIELD_CACHE_BYTES_MAX, FIELD_CACHE_SETS_MAX};

/// Bounded in bytes and in sets; what was asked for longest ago goes first.
#[derive(Default)]
pub(crate) struct LeafCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    sets: HashMap<Vec<u8>, Held>,
    bytes: usize,
    clock: u64,
}

struct Held {
    set: Arc<RoaringBitmap>,
    bytes: usize,
    asked: u64,
}

impl LeafCache {
    /// The set of `key`, computed by `make` where it is not kept. Nobody waits while it is made.
    pub(crate) fn get<E>(
        &self,
        key: &[u8],
        make: impl FnOnce() -> Result<RoaringBitmap, E>,
    ) -> Result<Arc<RoaringBitmap>, E> {
        if let Some(set) = self.0.lock().find(key) {
            return Ok(set);
        }
        let set = Arc::new(make()?);
        self.0.lock().keep(key, Arc::clone(&set), FIELD_CACHE_BYTES_MAX);
        Ok(set)
    }
}

impl Kept {
    fn find(&mut self, key: &[u8]) -> Option<Arc<RoaringBitmap>> {
        self.clock += 1;
        let held = self.sets.get_mut(key)?;
        held.asked = self.clock;
        Some(Arc::clone(&held.set))
    }

    fn keep(&mut self, key: &[u8], set: Arc<RoaringBitmap>, bytes_max: usize) {
        let bytes = set.serialized_size() + key.len() + size_of::<Held>();
        if bytes > bytes_max / 4 {
            return;
        }
        self.clock += 1;
        let held = Held { set, bytes, asked: self.clock };
        self.bytes += bytes;
        if let Some(replaced) = self.sets.insert(key.to_vec(), held) {
            self.bytes -= replaced.bytes;
        }
        if self.bytes > bytes_max || self.sets.len() > FIELD_CACHE_SETS_MAX {
            self.drop_old();
        }
    }

    /// Drops the half that was asked for longest ago, so that making room is rare.
    fn drop_old(&mut self) {
        let mut asked: Vec<u64> = self.sets.values().map(|held| held.asked).collect();
        asked.sort_unstable();
        let middle = asked[asked.len() / 2];
        self.sets.retain(|_, held| held.asked >= middle);
        self.bytes = self.sets.values().map(|held| held.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_bytes_and_keeps_what_is_asked_for() {
        let mut kept = Kept::default();
        let set = Arc::new(RoaringBitmap::from_iter(0..100));
        for number in 0..1_000u32 {
            kept.keep(&number.to_be_bytes(), Arc::clone(&set), 20_000);
            assert!(kept.find(&0u32.to_be_bytes()).is_some());
            assert!(kept.bytes <= 20_000, "{}", kept.bytes);
        }
        assert_eq!(kept.find(&1u32.to_be_bytes()), None);
    }
}
