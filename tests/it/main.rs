//! The one integration binary: each further binary would link everything again.

mod bench;
mod pictures;
mod slides;
mod tidy;
