//! Slides held open and pictures cut from them: the few that were looked at last.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use vitrail_domain::limits::{
    CUTS_BYTES_MAX, CUTS_KEPT_MAX, SLIDE_VIEW_CACHE_BYTES_MAX, SLIDES_OPEN_MAX,
};
use vitrail_domain::{ImageId, Region};
use vitrail_ingest::slide::Slide;
use vitrail_ingest::{Refusal, catch_panic};

/// What a cut shows: a box of an image (`None`: all of it), and its longest side.
pub type Cut = (ImageId, Option<Region>, u32);

/// Open slides and JPEGs, each bounded.
pub struct Cuts {
    slides: Mutex<Recent<ImageId, Arc<Slide>>>,
    jpegs: Mutex<Recent<Cut, Arc<[u8]>>>,
}

impl Cuts {
    /// Nothing held yet.
    pub fn new() -> Self {
        Self {
            slides: Mutex::new(Recent::new(SLIDES_OPEN_MAX, usize::MAX)),
            jpegs: Mutex::new(Recent::new(CUTS_KEPT_MAX, CUTS_BYTES_MAX)),
        }
    }

    /// The slide of an image, opened where it is not. Two callers may open one slide at once; the
    /// later one is kept.
    ///
    /// # Errors
    /// The file can't be opened as a slide.
    pub fn slide(&self, image: ImageId, path: &Path) -> Result<Arc<Slide>, Refusal> {
        if let Some(slide) = self.slides.lock().get(&image) {
            return Ok(slide);
        }
        let slide = catch_panic(|| Ok(Slide::open(path)?))?;
        let slide = Arc::new(slide.with_cache_bytes(SLIDE_VIEW_CACHE_BYTES_MAX));
        self.slides.lock().put(image, slide.clone(), 0);
        Ok(slide)
    }

    /// The JPEG of a cut, made where it is not held.
    ///
    /// # Errors
    /// What `make` refuses.
    pub fn jpeg<E>(
        &self,
        cut: Cut,
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        if let Some(jpeg) = self.jpegs.lock().get(&cut) {
            return Ok(jpeg.to_vec());
        }
        let jpeg = make()?;
        self.jpegs.lock().put(cut, jpeg.clone().into(), jpeg.len());
        Ok(jpeg)
    }
}

/// The values used last, bounded in count and in bytes.
struct Recent<K, V> {
    count_max: usize,
    bytes_max: usize,
    kept: HashMap<K, Kept<V>>,
    bytes: usize,
    clock: u64,
}

struct Kept<V> {
    value: V,
    bytes: usize,
    used: u64,
}

impl<K: Eq + Hash + Clone, V: Clone> Recent<K, V> {
    fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { count_max, bytes_max, kept: HashMap::new(), bytes: 0, clock: 0 }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let kept = self.kept.get_mut(key)?;
        kept.used = self.clock;
        Some(kept.value.clone())
    }

    /// Keeps a value. The oldest is looked for one by one: a few thousand beside a picture's
    /// decoding.
    fn put(&mut self, key: K, value: V, bytes: usize) {
        self.clock += 1;
        self.bytes += bytes;
        let kept = Kept { value, bytes, used: self.clock };
        if let Some(replaced) = self.kept.insert(key, kept) {
            self.bytes -= replaced.bytes;
        }
        while self.kept.len() > self.count_max || self.bytes > self.bytes_max {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used);
            let oldest = oldest.map(|(key, _)| key.clone());
            let Some(dropped) = oldest.and_then(|key| self.kept.remove(&key)) else { break };
            self.bytes -= dropped.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut recent = Recent::new(3, 100);
        for (key, bytes) in [("a", 10), ("b", 10), ("c", 10)] {
            recent.put(key, key, bytes);
        }
        assert_eq!(recent.get(&"a"), Some("a"));
        recent.put("d", "d", 10);
        assert_eq!((recent.get(&"b"), recent.get(&"a")), (None, Some("a")), "count");
        recent.put("e", "e", 85);
        assert_eq!((recent.get(&"c"), recent.get(&"d"), recent.bytes), (None, None, 95), "bytes");
        recent.put("e", "f", 20);
        assert_eq!((recent.get(&"e"), recent.bytes), (Some("f"), 30), "replaced");
        recent.put("g", "g", 1_000);
        assert_eq!((recent.kept.len(), recent.bytes), (0, 0), "one above the bound is not kept");
    }
}
