//! What is due in the background, and doing it: field commits and graphs. Searching and writing go
//! on meanwhile.

use vitrail_domain::{Cancel, VectorName};
use vitrail_vector_index::graph_due;

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

    /// Commits the field index and forgets the part of the change log that it now covers.
    ///
    /// # Errors
    /// The index or the change log can't be written.
    pub fn commit_fields(&self) -> Result<(), CollectionError> {
        self.fields.commit()?;
        self.republish();
        Ok(self.store().trim_changes(self.fields.indexed_seq())?)
    }

    /// Vectors whose graph is missing or far behind.
    #[must_use]
    pub fn graphs_due(&self) -> Vec<VectorName> {
        let indexes = self.indexes().into_iter();
        let due = indexes.filter(|(_, index)| graph_due(&index.view()));
        due.map(|(name, _)| name).collect()
    }

    /// Builds the graph of one vector over the rows of this moment. Cost: minutes for a million
    /// rows; cancel stops it at the next batch.
    pub fn build_graph(&self, name: &VectorName, cancel: &Cancel, progress: &dyn Fn(usize, usize)) {
        let found = self.indexes().into_iter().find(|(other, _)| other == name);
        if let Some((_, index)) = found {
            index.build_graph(cancel, progress);
            self.republish();
        }
    }
}
