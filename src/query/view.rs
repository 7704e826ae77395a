//! What a question is asked of: one moment of a collection, never changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use vitrail_domain::{
    Condition, Filter, Identity, MatchValue, RecordSource, Roles, RowsSource, SlotSet, Test,
    VectorName,
};
use vitrail_field_index::{FieldView, Matched};
use vitrail_vector_index::VectorView;

use crate::error::QueryError;

/// Vectors, fields and records of one moment. Cheap to make: every part is shared.
#[derive(Clone)]
pub struct View {
    /// The searchable vectors by name; of multi-vectors the mean rows.
    pub vectors: BTreeMap<VectorName, Arc<VectorView>>,
    /// Where the rows of multi-vectors are read, by name; a name that is not here has one row.
    pub rows: BTreeMap<VectorName, Arc<dyn RowsSource>>,
    /// The filter index.
    pub fields: Arc<FieldView>,
    /// Records by slot and id, from the truth.
    pub records: Arc<dyn RecordSource>,
    /// Slots of the points that exist.
    pub live: Arc<SlotSet>,
    /// Which path plays which role.
    pub roles: Roles,
}

impl View {
    /// The vector of this name.
    ///
    /// # Errors
    /// No such vector.
    pub fn vector(&self, name: &VectorName) -> Result<&Arc<VectorView>, QueryError> {
        self.vectors.get(name).ok_or_else(|| QueryError::UnknownVector {
            name: name.clone(),
            have: self.vectors.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        })
    }

    /// The slots that pass `filter`: exact, never an estimate.
    ///
    /// # Errors
    /// A filter over its bounds, or a field index that can't be read.
    pub fn matching(&self, filter: &Filter) -> Result<Matched, QueryError> {
        filter.check()?;
        if filter.is_empty() {
            return Ok(Matched { slots: self.live.as_ref().clone(), ..Matched::default() });
        }
        Ok(self.fields.evaluate(filter, &self.live, self.records.as_ref())?)
    }

    /// A filter that leaves out every point of one of these identities. A point without the
    /// field passes: missing never equals anything.
    ///
    /// # Errors
    /// A role that the collection does not map.
    pub fn excluding(&self, identities: &[Identity]) -> Result<Filter, QueryError> {
        let mut filter = Filter::default();
        for identity in identities {
            let path =
                self.roles.path(identity.role).ok_or(QueryError::Role(identity.role))?.clone();
            let test = Test::Any(same_as(&identity.value));
            filter.must_not.push(Condition::Field(path, test));
        }
        Ok(filter)
    }
}

/// Values that read the same: a role's field may hold a text or a whole number.
fn same_as(value: &str) -> Vec<MatchValue> {
    let mut values = vec![MatchValue::Text(value.to_owned())];
    values.extend(value.parse().ok().map(MatchValue::Integer));
    values
}
