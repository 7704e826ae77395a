//! The room's tests: manifests by hand, the small real model end to end, stand-ins of published
//! models, the queue over made embedders.

mod manifest;
mod models;
mod queue;
pub(crate) mod stand_in;
mod stand_ins;
