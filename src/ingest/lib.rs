//! Room.
pub mod slide;
