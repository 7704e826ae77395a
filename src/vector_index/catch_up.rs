//! Brings an opened index up to the truth: only what changed since its checkpoint is read, unless
//! something is missing.

use vitrail_domain::{Seq, Slot, SlotSet};

use crate::index::{Opened, VectorIndex};

/// Rows handed to an index at once.
const ROWS_AT_ONCE: usize = 4_096;

/// How the truth is read; what it says must be at least as new as the changes that are told.
pub struct Truth<'a, E> {
    /// The vector of one slot, as it was written; `None` if it has none.
    pub vector: &'a dyn Fn(Slot) -> Result<Option<Vec<f32>>, E>,
    /// Every vector there is.
    pub each: &'a dyn Fn(&mut dyn FnMut(Slot, &[f32])) -> Result<(), E>,
}

/// What it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CaughtUp {
    /// Vectors that were read from the truth.
    pub read: usize,
    /// Of these, written into the index.
    pub written: usize,
    /// Slots that lost their vector.
    pub removed: usize,
    /// Vectors that the index doesn't take: they stay in the truth and are not found.
    pub refused: usize,
}

impl CaughtUp {
    fn add(&mut self, more: Self) {
        self.read += more.read;
        self.written += more.written;
        self.removed += more.removed;
        self.refused += more.refused;
    }
}

impl Opened {
    /// Reads what the index lacks: the slots of `changed` (since [`Opened::seq`]; `None` if the
    /// change log doesn't reach back so far) and those pending; every vector where segments are
    /// missing, or nothing is known of changes. The index is then complete up to `last`.
    ///
    /// # Errors
    /// The truth can't be read.
    pub fn catch_up<E>(
        self,
        changed: Option<&SlotSet>,
        last: Seq,
        truth: &Truth<'_, E>,
    ) -> Result<(VectorIndex, CaughtUp), E> {
        let mut filling = Filling::of(&self.index);
        match changed.filter(|_| self.seq.is_some()) {
            None => filling.compare_all(truth)?,
            Some(changed) => {
                if self.incomplete {
                    filling.fill_gaps(truth)?;
                }
                let mut slots = self.pending;
                slots.union_with(changed);
                filling.look_at(&slots, truth)?;
            }
        }
        let mut done = filling.done;
        // Rows were compared, and thereby verified; each round has fewer segments to find.
        while !self.index.view().damage().is_empty() {
            done.add(self.index.mend(truth)?);
        }
        // Nothing is written here: this only notes the Seq, and can't be refused.
        let _ = self.index.apply_at(last, &[], &[]);
        if !self.problems.is_empty() {
            self.index.note_mended();
        }
        Ok((self.index, done))
    }
}

impl VectorIndex {
    /// Takes out the segments whose rows were found damaged and writes their slots again from the
    /// truth. What it took.
    ///
    /// # Errors
    /// The truth can't be read: slots are then without a vector until the index is opened again.
    pub fn mend<E>(&self, truth: &Truth<'_, E>) -> Result<CaughtUp, E> {
        for damage in self.view().damage() {
            tracing::error!(%damage, "a segment is damaged; its vectors are read again");
        }
        let lost = self.drop_damaged();
        let mut filling = Filling::of(self);
        filling.look_at(&lost, truth)?;
        self.note_mended();
        Ok(filling.done)
    }

    /// Makes the manifest forget what is damaged. Where the disk refuses, the next start mends
    /// again.
    fn note_mended(&self) {
        if let Err(error) = self.checkpoint() {
            tracing::warn!(%error, "what was mended can't be noted");
        }
    }
}

/// Rows on their way into an index.
struct Filling<'a> {
    index: &'a VectorIndex,
    rows: Vec<(Slot, Vec<f32>)>,
    removed: Vec<Slot>,
    done: CaughtUp,
}

impl<'a> Filling<'a> {
    fn of(index: &'a VectorIndex) -> Self {
        Self { index, rows: Vec::new(), removed: Vec::new(), done: CaughtUp::default() }
    }

    /// Makes the index what the truth is, whatever it was.
    fn compare_all<E>(&mut self, truth: &Truth<'_, E>) -> Result<(), E> {
        let (before, mut seen) = (self.index.view(), SlotSet::new());
        (truth.each)(&mut |slot, row| {
            seen.insert(slot);
            self.done.read += 1;
            if !before.holds(slot, row) {
                self.write(slot, row.to_vec());
            }
        })?;
        let mut gone = before.slots().clone();
        gone.subtract(&seen);
        self.removed.extend(gone.iter());
        self.flush();
        Ok(())
    }

    /// Gives every slot without a vector that of the truth.
    fn fill_gaps<E>(&mut self, truth: &Truth<'_, E>) -> Result<(), E> {
        let before = self.index.view();
        (truth.each)(&mut |slot, row| {
            self.done.read += 1;
            if !before.has(slot) {
                self.write(slot, row.to_vec());
            }
        })?;
        self.flush();
        Ok(())
    }

    /// Makes these slots what the truth says of them.
    fn look_at<E>(&mut self, slots: &SlotSet, truth: &Truth<'_, E>) -> Result<(), E> {
        let before = self.index.view();
        for slot in slots.iter() {
            match (truth.vector)(slot)? {
                Some(row) => {
                    self.done.read += 1;
                    if !before.holds(slot, &row) {
                        self.write(slot, row);
                    }
                }
                None if before.has(slot) => self.removed.push(slot),
                None => {}
            }
        }
        self.flush();
        Ok(())
    }

    fn write(&mut self, slot: Slot, row: Vec<f32>) {
        self.rows.push((slot, row));
        if self.rows.len() == ROWS_AT_ONCE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let rows: Vec<(Slot, &[f32])> =
            self.rows.iter().map(|(slot, row)| (*slot, row.as_slice())).collect();
        let refused = self.index.take(Seq(0), &rows, &self.removed);
        self.done.refused += refused;
        self.done.written += rows.len() - refused;
        self.done.removed += self.removed.len();
        self.rows.clear();
        self.removed.clear();
    }
}
