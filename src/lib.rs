//! Vitrail.
