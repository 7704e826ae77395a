//! Roles: which payload path says whose, what and from where a point is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::payload::{Path, Payload};

/// A part that a payload field plays in splits, leakage, grouping and `exclude_same`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Whose picture it is; splits are by patient.
    Patient,
    /// One visit or accession of a patient.
    Case,
    /// One lesion, photographed once or more.
    Lesion,
    /// One slide, cut into tiles.
    Slide,
    /// The hospital; never guessed, since in skin tables `site` is a place on the body.
    Site,
    /// The device.
    Scanner,
    /// What the picture shows, as somebody said.
    Label,
    /// train, validation, test.
    Split,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Patient,
        Self::Case,
        Self::Lesion,
        Self::Slide,
        Self::Site,
        Self::Scanner,
        Self::Label,
        Self::Split,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Case => "case",
            Self::Lesion => "lesion",
            Self::Slide => "slide",
            Self::Site => "site",
            Self::Scanner => "scanner",
            Self::Label => "label",
            Self::Split => "split",
        }
    }

    /// The column that plays this role where the caller says nothing.
    fn guessed_column(self) -> Option<&'static str> {
        match self {
            Self::Patient => Some("patient_id"),
            Self::Case => Some("case_id"),
            Self::Lesion => Some("lesion_id"),
            Self::Slide => Some("slide_id"),
            Self::Label => Some("label"),
            Self::Split => Some("split"),
            Self::Site | Self::Scanner => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("\"{text}\" is not a role: use one of {}", names()))
    }
}

/// A collection's roles and the payload paths that play them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(pub BTreeMap<Role, Path>);

impl Roles {
    /// The path that plays `role`.
    #[must_use]
    pub fn path(&self, role: Role) -> Option<&Path> {
        self.0.get(&role)
    }

    /// What `payload` says for `role`. Missing is `None`, which never equals another `None`.
    #[must_use]
    pub fn value(&self, role: Role, payload: &Payload) -> Option<String> {
        payload.scalar_text(self.path(role)?)
    }

    /// These roles, and for the others those that the columns' names give away.
    #[must_use]
    pub fn with_guesses<'a>(mut self, columns: impl Iterator<Item = &'a str>) -> Self {
        for column in columns {
            for role in Role::ALL {
                if role.guessed_column() == Some(column) {
                    self.0.entry(role).or_insert_with(|| Path::key(column));
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_is_never_guessed() {
        let roles = Roles::default().with_guesses(["label", "site", "lesion_id"].into_iter());
        assert_eq!(roles.0.keys().copied().collect::<Vec<_>>(), [Role::Lesion, Role::Label]);
    }
}
