//! What is due in the background, and doing it: field commits, freezing, merging, checkpoints,
//! mending. Searching and writing go on meanwhile.

use std::sync::Arc;

use vitrail_domain::{Cancel, Seq, VectorName};
use vitrail_vector_index::{Built, Choice, GraphOptions, Task, VectorIndex, checkpoint_due};

use crate::collection::Collection;
use crate::error::CollectionError;

impl Collection {
    /// Commits the field index where enough has changed. Whether it did.
    ///
    /// # Errors
    /// The index or the change log can't be written.
    pub fn commit_fields_if_due(&self) -> Result<bool, CollectionError> {
        if !self.fields.pending().due() {
            return Ok(false);
        }
        self.commit_fields()?;
        Ok(true)
    }

    /// Commits the field index and forgets the part of the change log that it and every vector's
    /// checkpoint now cover.
    ///
    /// # Errors
    /// The index or the change log can't be written.
    pub fn commit_fields(&self) -> Result<(), CollectionError> {
        self.fields.commit()?;
        self.republish();
        let vectors = self.indexes().into_iter().filter_map(|(_, index)| index.checkpointed());
        let covered = vectors.fold(self.fields.indexed_seq(), Seq::min);
        Ok(self.store().trim_changes(covered)?)
    }

    /// Vectors with segments on which such work is due.
    #[must_use]
    pub fn segments_due(&self, task: Task) -> Vec<VectorName> {
        let indexes = self.indexes().into_iter();
        let due = indexes.filter(|(_, index)| index.due_for(task) != Choice::Nothing);
        due.map(|(name, _)| name).collect()
    }

    /// Freezes or merges segments of one vector, as is due. One thread a task; a freeze may go on
    /// beside a merge. Cost: minutes for a million rows, on
    /// half of the cores; cancel stops it at the next batch, and [`Self::segments_progress`] tells
    /// how far it is.
    ///
    /// # Errors
    /// Files that can't be written: everything stays searchable, and it is due again.
    pub fn work_on_segments(
        &self,
        name: &VectorName,
        task: Task,
        cancel: &Cancel,
    ) -> Result<Built, CollectionError> {
        let found = self.indexes().into_iter().find(|(other, _)| other == name);
        let Some((_, index)) = found else { return Ok(Built::Nothing) };
        let built = index.work_on(task, &GraphOptions::default(), cancel, &|_, _| {})?;
        self.republish();
        Ok(built)
    }

    /// Rows done and rows in all of the freezes and merges under way, by vector.
    #[must_use]
    pub fn segments_progress(&self) -> Vec<(VectorName, usize, usize)> {
        let under_way = |(name, index): (VectorName, Arc<VectorIndex>)| {
            index.progress().map(|(done, all)| (name, done, all))
        };
        self.indexes().into_iter().filter_map(under_way).collect()
    }

    /// Notes in each vector's manifest what was written since, where that is much.
    ///
    /// # Errors
    /// Files that can't be written; the old state stays good.
    pub fn checkpoint_if_due(&self) -> Result<(), CollectionError> {
        let last = self.store().last_seq().0;
        for (_, index) in self.indexes() {
            let since = index.checkpointed();
            if since.is_some_and(|since| checkpoint_due(last.saturating_sub(since.0))) {
                index.checkpoint()?;
            }
        }
        Ok(())
    }

    /// Notes all of it, so that the next start has nothing to read again.
    ///
    /// # Errors
    /// Files that can't be written; the old state stays good.
    pub fn checkpoint(&self) -> Result<(), CollectionError> {
        self.indexes().into_iter().try_for_each(|(_, index)| index.checkpoint().map(drop))?;
        Ok(())
    }

    /// Verifies what of the vectors' files was not read yet, so that damage is found before a
    /// question meets it. `pace` is called before each block of 64 KB.
    pub fn scrub(&self, cancel: &Cancel, pace: &dyn Fn()) {
        self.indexes().iter().for_each(|(_, index)| index.scrub(cancel, pace));
    }

    /// Reads again from the truth the vectors of segments that were found damaged. Whether there
    /// were any.
    ///
    /// # Errors
    /// A damaged record, by name.
    pub fn mend(&self) -> Result<bool, CollectionError> {
        let mut mended = false;
        for (name, index) in self.indexes() {
            if !index.view().damage().is_empty() {
                self.mend_one(&name, &index)?;
                mended = true;
            }
        }
        Ok(mended)
    }
}
