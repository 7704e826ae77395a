//! Group commit: writers prepare one after the other, and those that wait share one sync.
//!
//! ```text
//! writer:  prepare under the mutex -> queue -> lead, or wait -> my turn -> on_durable -> return
//! leader:  take what waits -> one batch, one sync (mutex free) -> tell each its outcome
//! ```
//!
//! Invariants. `applied <= durable.seq <= tip.seq`. Seqs above `durable.seq` are in the queue or
//! with the leader. `pending` holds the state of each point that such a Seq changed, so that the
//! next writer sees it before it is on the disk. When a write fails, all that were prepared after
//! it fail with it, since they were prepared on top of it, and the tip goes back to what is
//! durable.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};
use vitrail_domain::limits::WRITES_WAITING_BYTES_MAX;
use vitrail_domain::{ImageId, Payload, PointId, Slot};

use crate::error::StoreError;
use crate::rocks::Batch;

/// A collection's counters after some Seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    pub seq: u64,
    pub next_slot: u32,
    pub live: u64,
}

/// A live point as a writer needs it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub slot: Slot,
    pub image: Option<ImageId>,
    pub payload: Arc<Payload>,
}

/// Points after a prepared write; `None` for a deleted one.
pub(crate) type Touched = HashMap<PointId, Option<Known>>;

/// A prepared write: its batch, and how things stand after it.
pub(crate) struct Prepared {
    pub batch: Batch,
    pub after: Counters,
    pub touched: Touched,
}

/// What writers share, under the mutex.
pub(crate) struct State {
    /// After the last prepared write.
    pub tip: Counters,
    /// After the last synced write.
    pub durable: Counters,
    /// The last Seq whose `on_durable` has returned.
    applied: u64,
    /// State of points that unsynced writes changed, with the Seq that did so last.
    pending: HashMap<PointId, (u64, Option<Known>)>,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    leading: bool,
    next_ticket: u64,
    outcomes: HashMap<u64, Result<(), StoreError>>,
    poison: Option<String>,
}

struct Waiting {
    ticket: u64,
    batch: Batch,
    after: Counters,
}

impl State {
    /// What an unsynced write made of `id`; `None` when none touched it.
    pub fn pending(&self, id: PointId) -> Option<&Option<Known>> {
        self.pending.get(&id).map(|(_, known)| known)
    }

    fn enqueue(&mut self, prepared: Prepared) -> u64 {
        let Prepared { batch, after, touched } = prepared;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.tip = after;
        self.pending.extend(touched.into_iter().map(|(id, known)| (id, (after.seq, known))));
        self.waiting_bytes += batch.bytes();
        self.waiting.push(Waiting { ticket, batch, after });
        ticket
    }

    fn settle(&mut self, group: &[(u64, Counters)], outcome: Result<(), StoreError>) {
        match outcome {
            Ok(()) => {
                self.outcomes.extend(group.iter().map(|(ticket, _)| (*ticket, Ok(()))));
                self.durable = group.last().map_or(self.durable, |(_, after)| *after);
                let durable = self.durable.seq;
                self.pending.retain(|_, (seq, _)| *seq > durable);
            }
            Err(error) => {
                let behind = std::mem::take(&mut self.waiting);
                self.waiting_bytes = 0;
                let failed = group.iter().map(|(ticket, _)| *ticket);
                let failed = failed.chain(behind.iter().map(|waiting| waiting.ticket));
                self.outcomes.extend(failed.map(|ticket| (ticket, Err(error.clone()))));
                self.pending.clear();
                self.tip = self.durable;
                if error.leaves_open() {
                    self.poison = Some(error.to_string());
                }
            }
        }
    }
}

/// The queue of one collection.
pub(crate) struct Queue {
    state: Mutex<State>,
    woken: Condvar,
}

impl Queue {
    /// A queue over a database that stands at `durable`.
    pub fn new(durable: Counters) -> Self {
        let state = State {
            tip: durable,
            durable,
            applied: durable.seq,
            pending: HashMap::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            leading: false,
            next_ticket: 0,
            outcomes: HashMap::new(),
            poison: None,
        };
        Self { state: Mutex::new(state), woken: Condvar::new() }
    }

    /// How things stand on the disk.
    pub fn durable(&self) -> Counters {
        self.state.lock().durable
    }

    /// Why writes are refused, if they are.
    pub fn poison(&self) -> Option<String> {
        self.state.lock().poison.clone()
    }

    /// Prepares a write, sees it synced by `commit` (of a whole group; called without the mutex,
    /// by one thread at a time, in Seq order), waits until all earlier Seqs are applied, and calls
    /// `apply`. A panic in `apply` poisons the queue: memory no longer is what the disk is.
    pub fn write<T>(
        &self,
        place: &str,
        prepare: impl FnOnce(&State) -> Result<(Prepared, T), StoreError>,
        commit: &dyn Fn(Vec<Batch>, Counters) -> Result<(), StoreError>,
        apply: impl FnOnce(&T),
    ) -> Result<T, StoreError> {
        let mut state = self.state.lock();
        while state.waiting_bytes > WRITES_WAITING_BYTES_MAX && state.poison.is_none() {
            self.woken.wait(&mut state);
        }
        if let Some(why) = &state.poison {
            return Err(StoreError::Poisoned { place: place.to_owned(), why: why.clone() });
        }
        let (prepared, made) = prepare(&state)?;
        let seq = prepared.after.seq;
        let ticket = state.enqueue(prepared);
        loop {
            if let Some(outcome) = state.outcomes.remove(&ticket) {
                outcome?;
                break;
            }
            if state.leading {
                self.woken.wait(&mut state);
            } else {
                self.lead(&mut state, commit);
            }
        }
        while state.applied + 1 != seq {
            self.woken.wait(&mut state);
        }
        drop(state);
        let mut turn = Turn { queue: self, seq, whole: false };
        apply(&made);
        turn.whole = true;
        Ok(made)
    }

    fn lead(
        &self,
        state: &mut MutexGuard<'_, State>,
        commit: &dyn Fn(Vec<Batch>, Counters) -> Result<(), StoreError>,
    ) {
        state.leading = true;
        let waiting = std::mem::take(&mut state.waiting);
        state.waiting_bytes = 0;
        let group: Vec<_> = waiting.iter().map(|one| (one.ticket, one.after)).collect();
        let after = group.last().map_or(state.durable, |(_, after)| *after);
        let batches = waiting.into_iter().map(|one| one.batch).collect();
        let outcome = MutexGuard::unlocked(state, || commit(batches, after));
        state.leading = false;
        state.settle(&group, outcome);
        self.woken.notify_all();
    }
}

/// One Seq's turn to be applied; passed on even when applying panics.
struct Turn<'a> {
    queue: &'a Queue,
    seq: u64,
    whole: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.applied = self.seq;
        if !self.whole {
            state.poison = Some("what was written could not be applied in memory".to_owned());
        }
        self.queue.woken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    fn next(state: &State) -> Result<(Prepared, u64), StoreError> {
        let after = Counters { seq: state.tip.seq + 1, ..state.tip };
        let prepared = Prepared { batch: Batch::default(), after, touched: Touched::new() };
        Ok((prepared, after.seq))
    }

    fn queue() -> Queue {
        Queue::new(Counters { seq: 0, next_slot: 0, live: 0 })
    }

    #[test]
    fn seqs_are_applied_in_order_and_share_syncs() {
        let (queue, syncs) = (queue(), AtomicU64::new(0));
        let applied = Mutex::new(Vec::new());
        let commit = |_: Vec<Batch>, _: Counters| {
            syncs.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        queue.write("c", next, &commit, |seq| applied.lock().push(*seq)).unwrap();
                    }
                });
            }
        });
        assert_eq!(*applied.lock(), (1..=200).collect::<Vec<_>>());
        assert!(syncs.load(Ordering::SeqCst) <= 100, "{syncs:?} syncs for 200 writes of 8 threads");
    }

    #[test]
    fn a_full_disk_takes_back_what_was_prepared_and_writing_goes_on() {
        let (queue, full) = (queue(), AtomicBool::new(true));
        let commit = |_: Vec<Batch>, _: Counters| match full.load(Ordering::SeqCst) {
            true => Err(StoreError::NoSpace { place: "c".into(), why: "full".into() }),
            false => Ok(()),
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    assert!(
                        queue.write("c", next, &commit, |_| panic!()).unwrap_err().is_no_space()
                    );
                });
            }
        });
        full.store(false, Ordering::SeqCst);
        assert_eq!(queue.write("c", next, &commit, |_| {}).unwrap(), 1);
    }

    #[test]
    fn another_failure_poisons() {
        let queue = queue();
        let fail = |_: Vec<Batch>, _: Counters| {
            Err(StoreError::Failed { doing: "sync", place: "c".into(), why: "gone".into() })
        };
        assert!(queue.write("c", next, &fail, |_| {}).is_err());
        let refused = queue.write("c", next, &|_, _| Ok(()), |_| {}).unwrap_err();
        assert!(matches!(&refused, StoreError::Poisoned { why, .. } if why.contains("gone")));
    }

    #[test]
    fn a_panic_while_applying_poisons_and_lets_no_one_hang() {
        let queue = queue();
        let commit = |_: Vec<Batch>, _: Counters| Ok(());
        std::thread::scope(|scope| {
            let panicking = scope.spawn(|| queue.write("c", next, &commit, |_| panic!("no")));
            assert!(panicking.join().is_err());
        });
        assert!(queue.write("c", next, &commit, |_| {}).is_err());
    }
}
