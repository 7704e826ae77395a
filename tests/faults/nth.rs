//! The n-th call fails.
