//! Vitrail: the embedding search database for medical images.
//!
//! The root package is the only place that knows every room: [`open`] opens them bottom-up,
//! [`server`] serves them over HTTP, [`demo`] draws pictures to begin with, [`bench`] measures,
//! [`cli`] is the command line over them.

mod bench;
pub mod cli;
mod demo;
mod open;
mod server;
