//! Room `analysis`: matrices and labels in, reports out. Pure: the same inputs and seed give the
//! same report. Knows no files and no collections.
//!
//! | Module | Holds |
//! |---|---|
//! | `labelled` | [`Labelled`]: rows, their classes, and whose they are |
//! | `neighbours` | the nearest rows of others |
//! | `retrieval` | [`retrieval`]: precision at k, leaving one out, against random rankings |
//! | `clusters` | rows that belong together, by any of their groupings |
//! | `bootstrap` | means with intervals, resampled by cluster |
//! | `draw` | seeded random numbers |

mod bootstrap;
mod clusters;
mod draw;
mod error;
mod labelled;
mod neighbours;
mod retrieval;
#[cfg(test)]
mod tests;

pub use bootstrap::{Measured, Summary};
pub use error::AnalysisError;
pub use labelled::{Grouping, Labelled};
pub use retrieval::{ClassLine, RESAMPLES, RetrievalOptions, RetrievalReport, retrieval};
