//! The room's tests: manifests by hand, the small real model end to end, the queue over made
//! embedders.

mod manifest;
mod models;
mod queue;
