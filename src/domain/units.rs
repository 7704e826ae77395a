//! Quantities that carry their bounds in their type, so that inner code needs no checks.

use thiserror::Error;

use crate::limits::{DIM_MAX, EF_MAX, TOP_K_MAX};

/// Why a quantity was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{quantity} must be {rule}, got {got}")]
pub struct UnitError {
    quantity: &'static str,
    rule: String,
    got: String,
}

macro_rules! count {
    ($(#[$doc:meta])* $type:ident, $name:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(u32);

        impl $type {
            /// # Errors
            /// Zero, or more than the bound in `limits`.
            pub fn new(count: usize) -> Result<Self, UnitError> {
                match u32::try_from(count) {
                    Ok(small) if (1..=$max).contains(&count) => Ok(Self(small)),
                    _ => Err(UnitError {
                        quantity: $name,
                        rule: format!("from 1 to {}", $max),
                        got: count.to_string(),
                    }),
                }
            }

            /// The plain number.
            #[must_use]
            pub fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}

count!(
    /// Components of a vector.
    Dim, "dimension", DIM_MAX
);
count!(
    /// How many hits are asked for.
    TopK, "k", TOP_K_MAX
);
count!(
    /// Candidates kept during a graph walk.
    Ef, "ef", EF_MAX
);

/// Micrometres per pixel: finite and above zero. Always said of one level.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Mpp(f64);

impl Mpp {
    /// # Errors
    /// Not finite, or outside 0.001 to 1000 um (an electron microscope to a photograph).
    pub fn new(micrometres: f64) -> Result<Self, UnitError> {
        if micrometres.is_finite() && (0.001..=1000.0).contains(&micrometres) {
            return Ok(Self(micrometres));
        }
        Err(UnitError {
            quantity: "mpp",
            rule: "micrometres per pixel from 0.001 to 1000".to_owned(),
            got: micrometres.to_string(),
        })
    }

    /// The plain number, in micrometres per pixel.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept() {
        assert!(Dim::new(0).is_err());
        assert_eq!(Dim::new(384).map(Dim::get), Ok(384));
        assert!(Dim::new(DIM_MAX + 1).is_err());
        assert!(Mpp::new(f64::NAN).is_err() && Mpp::new(0.0).is_err() && Mpp::new(0.25).is_ok());
    }
}
