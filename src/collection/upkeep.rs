//! What is due in the background, and doing it: field commits, and freezing and merging segments.
//! Searching and writing go on meanwhile.

use vitrail_domain::{Cancel, Seq, VectorName};
use vitrail_vector_index::{Built, Choice, GraphOptions, checkpoint_due};

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

    /// Commits the field index and forgets the part of the change log that it and the
    /// segments cover.
    ///
    /// # Errors
    /// The index or the change log can't be written.
    pub fn commit_fields(&self) -> Result<(), CollectionError> {
        self.fields.commit()?;
        self.republish();
        Ok(self.store().trim_changes(self.replayed_from())?)
    }

    /// Where the next start begins to read the change log. A vector without files reads everything
    /// anyhow, and its first files are complete up to a later Seq than the fields asked first.
    fn replayed_from(&self) -> Seq {
        let fields = self.fields.indexed_seq();
        let noted = self.indexes().into_iter().filter_map(|(_, index)| index.checkpointed());
        noted.fold(fields, Seq::min)
    }

    /// Notes in the files of each vector how far they are complete, where much was written since;
    /// whether it did.
    ///
    /// # Errors
    /// The disk refuses; the earlier note stays good.
    pub fn checkpoint_if_due(&self) -> Result<bool, CollectionError> {
        let last = self.store().last_seq();
        let mut noted = false;
        for (_, index) in self.indexes() {
            let since = index.checkpointed().map_or(0, |seq| last.0.saturating_sub(seq.0));
            if checkpoint_due(since) {
                noted |= index.checkpoint()?.is_some();
            }
        }
        Ok(noted)
    }

    /// Commits fields and notes vectors, so that the next start has nothing to replay.
    ///
    /// # Errors
    /// The disk refuses; the next start replays.
    pub fn settle(&self) -> Result<(), CollectionError> {
        for (_, index) in self.indexes() {
            index.checkpoint()?;
        }
        self.commit_fields()
    }

    /// Vectors of which segments are to be frozen or merged.
    #[must_use]
    pub fn segments_due(&self) -> Vec<VectorName> {
        let indexes = self.indexes().into_iter();
        let due = indexes.filter(|(_, index)| index.due() != Choice::Nothing);
        due.map(|(name, _)| name).collect()
    }

    /// Freezes or merges segments of one vector, whatever is due. Cost: minutes for a million rows;
    /// cancel stops it at the next batch.
    ///
    /// # Errors
    /// The disk refuses, or a file is damaged; what is searched stays as it was.
    pub fn work_segments(
        &self,
        name: &VectorName,
        cancel: &Cancel,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Built, CollectionError> {
        let found = self.indexes().into_iter().find(|(other, _)| other == name);
        let Some((_, index)) = found else { return Ok(Built::Nothing) };
        let built = index.work(&GraphOptions::default(), cancel, progress)?;
        self.republish();
        Ok(built)
    }
}
