//! The rows of one multi-vector name, read from the truth.

use std::sync::Arc;

use vitrail_domain::{RowsSource, Slot, VectorName};
use vitrail_store::CollectionStore;

/// Where a view reads them. Rows that can't be read count as gone, and are told in the log.
pub struct StoredRows {
    /// The truth.
    pub store: Arc<CollectionStore>,
    /// The vector.
    pub name: VectorName,
}

impl RowsSource for StoredRows {
    fn rows(&self, slot: Slot, values: &mut Vec<f32>) -> bool {
        self.store.vector_into(slot, &self.name, values).unwrap_or_else(|error| {
            tracing::error!(%error, slot = slot.0, "the rows of a point can't be read");
            false
        })
    }
}
