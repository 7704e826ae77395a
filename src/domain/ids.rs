//! Typed ids and names: one registry, so that a slot is never mistaken for an offset.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

use crate::limits::NAME_BYTES_MAX;

/// A point's id as its users know it: an unsigned integer or a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointId {
    /// An id that the user counts.
    Number(u64),
    /// An id drawn or derived; ingested pictures have version-5 UUIDs.
    Uuid(Uuid),
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Uuid(uuid) => write!(f, "{uuid}"),
        }
    }
}

impl FromStr for PointId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if let Ok(number) = text.parse::<u64>() {
            return Ok(Self::Number(number));
        }
        Uuid::parse_str(text).map(Self::Uuid).map_err(|_| NameError::PointId(shown(text)))
    }
}

/// A point's number in its collection, given at its first write and never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// The number of an operation in a collection's change log, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seq(pub u64);

/// An image's id: one file or slide, which has one or more points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageId(pub Uuid);

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a name or an id was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Neither an unsigned integer nor a UUID.
    #[error("\"{0}\" is not a point id: ids are unsigned integers or UUIDs")]
    PointId(String),
    /// A collection's or vector's name outside the allowed alphabet.
    #[error(
        "\"{0}\" is not a name: use 1 to {NAME_BYTES_MAX} letters, digits, '-', '_' and '.', \
         not starting with '.' or '-'"
    )]
    Name(String),
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if !is_name(text) {
                    return Err(NameError::Name(shown(text)));
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A collection's name: part of paths and addresses, so its alphabet is narrow.
    CollectionName
);
name!(
    /// A vector's name within a collection; the model's name unless given.
    VectorName
);

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty()
        && text.len() <= NAME_BYTES_MAX
        && text.chars().all(plain)
        && !text.starts_with(['.', '-'])
}

/// What an error repeats of a hostile text: its first characters, control characters escaped.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_parse() {
        for text in ["0", "18446744073709551615", "67e55044-10b1-426f-9247-bb680e5fe0c8"] {
            assert_eq!(text.parse::<PointId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for text in ["", "..", ".a", "-c", "a/b", "a b", "ä", &"x".repeat(NAME_BYTES_MAX + 1)] {
            assert!(text.parse::<CollectionName>().is_err(), "{text:?}");
        }
        assert!("skin-2024_v1.2".parse::<CollectionName>().is_ok());
    }
}
