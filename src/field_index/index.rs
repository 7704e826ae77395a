//! The index of a collection's payloads: changes in, commits, views out.

use std::path::Path as FilePath;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use vitrail_domain::{Payload, PointId, Seq, Slot};

use crate::cache::LeafCache;
use crate::error::FieldError;
use crate::leaves::Leaves;
use crate::overlay::{Overlay, Pending};
use crate::shelf::{Committed, Entry, Shelf};
use crate::view::{FieldView, Generation};

/// Payloads by what they say. Derived: the store replays changes after [`Self::indexed_seq`], or
/// rebuilds it whole.
pub struct FieldIndex {
    view: ArcSwap<FieldView>,
    state: Mutex<State>,
    /// Held through a commit; taken before `state`.
    shelf: Mutex<Shelf>,
}

struct State {
    generation: Arc<Generation>,
    overlay: Arc<Overlay>,
    seq: Seq,
    version: u64,
}

/// Takes the points of a [`FieldIndex::rebuild`] one after the other.
pub struct Rebuild<'a> {
    push: &'a mut dyn FnMut(Entry) -> Result<(), FieldError>,
}

impl FieldIndex {
    /// Opens the index in `folder`, which is its own: one that is missing, damaged or of another
    /// format is emptied, and [`Self::indexed_seq`] is 0. Every file is read once against its
    /// checksum. One process at a time; the store's lock sees to that.
    ///
    /// # Errors
    /// The folder can't be made or emptied.
    pub fn open(folder: &FilePath) -> Result<Self, FieldError> {
        let (shelf, committed) = Shelf::open(folder)?;
        let seq = committed.seq;
        let state =
            State { generation: generation(committed), overlay: Arc::default(), seq, version: 0 };
        let view = ArcSwap::new(state.view());
        Ok(Self { view, state: Mutex::new(state), shelf: Mutex::new(shelf) })
    }

    /// Changes after this operation must be applied again: they are not durable here.
    #[must_use]
    pub fn indexed_seq(&self) -> Seq {
        self.view.load().generation.committed.seq
    }

    /// What is seen now. Costs a pointer.
    #[must_use]
    pub fn view(&self) -> Arc<FieldView> {
        self.view.load_full()
    }

    /// How much waits for [`Self::commit`].
    #[must_use]
    pub fn pending(&self) -> Pending {
        self.view.load().overlay.pending()
    }

    /// Takes changes of operation `seq`, in the order of operations; no payload: the point is gone
    /// (its id does not matter then). They are in the next view when this returns. Applying a
    /// change again is harmless.
    ///
    /// # Errors
    /// So much waits ([`Pending::overdue`]) that it commits, and that failed. The changes are seen
    /// all the same.
    pub fn apply(
        &self,
        seq: Seq,
        changes: impl IntoIterator<Item = (Slot, PointId, Option<Payload>)>,
    ) -> Result<(), FieldError> {
        let overdue = {
            let mut state = self.state.lock();
            state.version += 1;
            let version = state.version;
            let overlay = Arc::make_mut(&mut state.overlay);
            for (slot, id, payload) in changes {
                overlay.put(slot, id, payload, version);
            }
            let overdue = overlay.pending().overdue();
            state.seq = state.seq.max(seq);
            self.view.store(state.view());
            overdue
        };
        if overdue {
            self.commit()?;
        }
        Ok(())
    }

    /// Makes what waits durable and indexed; whether there was anything. Tens of milliseconds, and
    /// about 15 microseconds a point. Readers and [`Self::apply`] go on meanwhile. The caller
    /// decides when, by [`Pending::due`] or when it is idle.
    ///
    /// # Errors
    /// The files can't be written. The changes stay in memory and are seen; it may be tried again.
    pub fn commit(&self) -> Result<bool, FieldError> {
        let mut shelf = self.shelf.lock();
        let (before, overlay, seq, version) = {
            let state = self.state.lock();
            let overlay = Arc::clone(&state.overlay);
            (Arc::clone(&state.generation), overlay, state.seq, state.version)
        };
        if overlay.slots.is_empty() && seq == before.committed.seq {
            return Ok(false);
        }
        let entries = overlay.present().map(|(slot, id, payload)| entry(slot, id, payload));
        let committed = shelf.write(&before.committed, seq, &overlay.slots, entries)?;
        self.publish(committed, version);
        Ok(true)
    }

    /// Starts over from a stream of every live point as of operation `seq` or later. Until it
    /// succeeds the old view stands; changes applied meanwhile stay laid over.
    ///
    /// # Errors
    /// What `feed` returns, or the files can't be written; the old index stands then.
    pub fn rebuild<E: From<FieldError>>(
        &self,
        seq: Seq,
        feed: impl FnOnce(&mut Rebuild<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut shelf = self.shelf.lock();
        let committed = shelf.rewrite(seq, |push| feed(&mut Rebuild { push }))?;
        self.publish(committed, 0);
        Ok(())
    }

    /// Makes a commit the newest, and keeps of the overlay what was changed after `version`.
    fn publish(&self, committed: Committed, version: u64) {
        let mut state = self.state.lock();
        state.seq = state.seq.max(committed.seq);
        state.generation = generation(committed);
        state.overlay = Arc::new(state.overlay.since(version));
        self.view.store(state.view());
    }
}

impl State {
    fn view(&self) -> Arc<FieldView> {
        Arc::new(FieldView {
            generation: Arc::clone(&self.generation),
            overlay: Arc::clone(&self.overlay),
            seq: self.seq,
        })
    }
}

impl Rebuild<'_> {
    /// Takes one live point.
    ///
    /// # Errors
    /// The files can't be written.
    pub fn push(&mut self, slot: Slot, id: PointId, payload: &Payload) -> Result<(), FieldError> {
        (self.push)(entry(slot, id, payload))
    }
}

fn entry(slot: Slot, id: PointId, payload: &Payload) -> Entry {
    Entry { slot, id, leaves: Leaves::of(payload) }
}

fn generation(committed: Committed) -> Arc<Generation> {
    Arc::new(Generation { committed, cache: LeafCache::default() })
}
