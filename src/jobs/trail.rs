//! How far a run through sources far away has come: the last item before which all is durable, so
//! that a stopped job goes on there instead of fetching everything again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use vitrail_sources::SpoolFile;

/// An item that is done, with all those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Which of the job's addresses.
    pub source: usize,
    /// The item's own address.
    pub uri: String,
}

/// Which items are done. It holds those that are done before one that is not.
#[derive(Debug, Default)]
pub struct Trail(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The first item that is not done.
    next: u64,
    done: BTreeMap<u64, Reached>,
    /// An item that could not be fetched: a resumed job begins there.
    stuck: Option<u64>,
    reached: Option<Reached>,
}

impl Trail {
    /// Everything is done up to here.
    pub fn reached(&self) -> Option<Reached> {
        self.0.lock().reached.clone()
    }

    /// One item is done.
    pub fn done(&self, order: u64, reached: Reached) {
        let mut state = self.0.lock();
        if state.stuck.is_some_and(|stuck| stuck < order) {
            return;
        }
        state.done.insert(order, reached);
        let next = state.next;
        let mut past = next;
        while let Some(reached) = state.done.remove(&past) {
            state.reached = Some(reached);
            past += 1;
        }
        state.next = past;
    }

    /// One item could not be fetched now.
    pub fn stuck(&self, order: u64) {
        let mut state = self.0.lock();
        let stuck = state.stuck.map_or(order, |stuck| stuck.min(order));
        state.stuck = Some(stuck);
        state.done.retain(|other, _| *other < stuck);
    }
}

/// A fetched file and the item that it is. The file goes with the last holder; the item is done
/// when all its units are settled, which is said in so many words: a unit that is dropped, because
/// the run stops, is not.
#[derive(Debug, Clone)]
pub struct Ticket(Arc<Held>);

#[derive(Debug)]
struct Held {
    file: SpoolFile,
    order: u64,
    reached: Reached,
    units: AtomicU64,
    trail: Arc<Trail>,
}

impl Ticket {
    /// A file of one unit.
    pub fn new(file: SpoolFile, order: u64, reached: Reached, trail: Arc<Trail>) -> Self {
        Self(Arc::new(Held { file, order, reached, units: AtomicU64::new(1), trail }))
    }

    /// The file.
    pub fn file(&self) -> &SpoolFile {
        &self.0.file
    }

    /// The item's own address.
    pub fn uri(&self) -> &str {
        &self.0.reached.uri
    }

    /// It has so many units rather than one; said before any of them is settled.
    pub fn cut_into(&self, units: u64) {
        self.0.units.store(units, Ordering::Release);
    }

    /// One of its units is durable, was there, or is refused.
    pub fn settle(&self) {
        if self.0.units.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.trail.done(self.0.order, self.0.reached.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Reached {
        Reached { source: 0, uri: number.to_string() }
    }

    #[test]
    fn the_trail_ends_before_the_first_that_is_not_done() {
        let trail = Trail::default();
        let reached = |trail: &Trail| trail.reached().map(|reached| reached.uri);
        trail.done(1, at(1));
        trail.done(3, at(3));
        assert_eq!(reached(&trail), None);
        trail.done(0, at(0));
        assert_eq!(reached(&trail).as_deref(), Some("1"));
        trail.stuck(4);
        trail.done(2, at(2));
        trail.done(6, at(6));
        assert_eq!(reached(&trail).as_deref(), Some("3"));
        assert_eq!(trail.0.lock().done.len(), 0, "nothing beyond is held");
    }
}
