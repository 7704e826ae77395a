//! The one integration binary: each further binary would link everything again.

mod tidy;
