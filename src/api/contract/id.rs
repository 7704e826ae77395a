//! Point ids on the wire: a number stays a number, a UUID is a text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vitrail_domain::{NameError, PointId};

/// A point's id: an unsigned integer, or a UUID as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Id {
    /// An id that the user counts.
    Number(u64),
    /// A UUID; digits as text are read as a number.
    Text(String),
}

impl Id {
    /// # Errors
    /// A text that is neither a number nor a UUID.
    pub fn parse(&self) -> Result<PointId, NameError> {
        match self {
            Self::Number(number) => Ok(PointId::Number(*number)),
            Self::Text(text) => text.parse(),
        }
    }
}

impl From<PointId> for Id {
    fn from(id: PointId) -> Self {
        match id {
            PointId::Number(number) => Self::Number(number),
            PointId::Uuid(uuid) => Self::Text(uuid.to_string()),
        }
    }
}
