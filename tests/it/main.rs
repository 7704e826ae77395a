//! The one integration binary: each further binary would link everything again.

mod access;
mod bench;
mod cases;
mod contract;
mod far;
mod pictures;
mod privacy;
mod quality;
mod rest;
mod server;
mod slides;
mod tidy;
mod vectors;
mod viewer;
