//! Vitrail.
fn main() {}
