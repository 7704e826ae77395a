//! How two vectors are compared. Inside the engine a smaller distance is always closer.

use std::fmt;
use std::str::FromStr;

/// A collection's way to compare the vectors of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metric {
    /// Rows are scaled to length 1 when written; distance `1 - dot`.
    Cosine,
    /// Rows as given; distance `-dot`.
    Dot,
    /// Distance: the squared Euclidean one (the root is taken at the edge).
    Euclid,
    /// Distance: sum of absolute differences.
    Manhattan,
}

impl Metric {
    /// Every metric, in the order in which documents list them.
    pub const ALL: [Self; 4] = [Self::Cosine, Self::Dot, Self::Euclid, Self::Manhattan];

    /// The name on the wire and on disk.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::Euclid => "euclid",
            Self::Manhattan => "manhattan",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|metric| metric.name() == wanted).ok_or_else(|| {
            format!("\"{text}\" is not a metric: use cosine, dot, euclid or manhattan")
        })
    }
}
