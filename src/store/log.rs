//! The change log: which slots each Seq changed, for those who derive files from the points.

use std::ops::ControlFlow;

use vitrail_domain::{PointId, Seq, Slot, SlotSet};

use crate::codec::{self, ChangeOnDisk, TrimOnDisk};
use crate::collection::CollectionStore;
use crate::convert::change_from_disk;
use crate::error::StoreError;
use crate::keys;
use crate::rocks::{Batch, CHANGES, Db, MANIFEST};

pub(crate) const TRIMMED_KEY: &[u8] = b"trimmed";

/// What one Seq did to one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotChange {
    /// The slot.
    pub slot: Slot,
    /// The id of the point there.
    pub id: PointId,
    /// Its payload, or its image, changed.
    pub payload: bool,
    /// One of its vectors was written.
    pub vectors: bool,
    /// It was deleted.
    pub deleted: bool,
    /// It was new.
    pub new: bool,
}

impl CollectionStore {
    /// Walks what changed after `since`, in Seq order, until `each` breaks. `false` when the log
    /// doesn't reach back that far: then `each` was not called, and whoever asks must rebuild.
    ///
    /// # Errors
    /// A damaged entry, or a failing disk.
    pub fn changes_since(
        &self,
        since: Seq,
        mut each: impl FnMut(Seq, &[SlotChange]) -> ControlFlow<()>,
    ) -> Result<bool, StoreError> {
        let db = self.db();
        if since < trimmed(db)? {
            return Ok(false);
        }
        let from = keys::seq(Seq(since.0.saturating_add(1)));
        db.walk(CHANGES, &from, None, &mut |key, value| {
            let damaged = |why| db.damaged(CHANGES, key, why);
            let seq = keys::parse_seq(key).ok_or_else(|| damaged("the key is no Seq".into()))?;
            let entry = codec::decode::<ChangeOnDisk>(key, value).map_err(damaged)?;
            Ok(each(seq, &change_from_disk(&entry).map_err(damaged)?))
        })?;
        Ok(true)
    }

    /// The slots that changed after `since`, deleted ones too; `None` when the log doesn't reach
    /// back that far and whoever asks must rebuild.
    ///
    /// # Errors
    /// A damaged entry, or a failing disk.
    pub fn slots_changed_since(&self, since: Seq) -> Result<Option<SlotSet>, StoreError> {
        let mut slots = SlotSet::new();
        let reached = self.changes_since(since, |_, changes| {
            slots.extend_with(changes.iter().map(|change| change.slot));
            ControlFlow::Continue(())
        })?;
        Ok(reached.then_some(slots))
    }

    /// Forgets the log up to `up_to`, which every derived index has committed. Not synced: a trim
    /// that is lost is done again.
    ///
    /// # Errors
    /// No space, or a failing disk.
    pub fn trim_changes(&self, up_to: Seq) -> Result<(), StoreError> {
        let up_to = up_to.min(self.last_seq());
        let db = self.db();
        if up_to <= trimmed(db)? {
            return Ok(());
        }
        let mut batch = Batch::default();
        let end = keys::seq(Seq(up_to.0.saturating_add(1)));
        batch.delete_range(db, CHANGES, &keys::seq(Seq(0)), &end)?;
        batch.put_record(db, MANIFEST, TRIMMED_KEY, &TrimOnDisk { seq: up_to.0 })?;
        db.write(batch, false)
    }
}

fn trimmed(db: &Db) -> Result<Seq, StoreError> {
    let mark = db.record::<TrimOnDisk>(MANIFEST, TRIMMED_KEY)?;
    Ok(Seq(mark.map_or(0, |mark| mark.seq)))
}
