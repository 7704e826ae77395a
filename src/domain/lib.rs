//! Room `domain`: the nouns every other room speaks. No files, no clock, no randomness, no async.
//!
//! | Module | Holds |
//! |---|---|
//! | [`ids`] | point ids, slots, sequence numbers, names |
//! | [`units`] | dimension, top-k, ef, micrometres per pixel: checked once, then trusted |
//! | [`raster`] | decoded pixels, boxes in the level-0 frame |
//! | [`metric`] | how two vectors are compared |
//! | [`payload`] | a point's fields, and paths into them |
//! | [`words`] | the one tokenizer of full-text conditions |
//! | [`filter`] | must / should / must_not trees; [`evaluate`] is their reference meaning |
//! | [`roles`] | patient, case, lesion ...: which payload path plays which part |
//! | [`point`] | what is written; [`question`] what is asked and answered |
//! | [`vector`] | one row of components, or many |
//! | [`slots`] | sets of slots |
//! | [`codes`] | the one table of error codes |
//! | [`cancel`], [`clock`] | seams to stop long work and to tell the time |
//! | [`limits`] | every bound on input, with its reason |

pub mod cancel;
pub mod clock;
pub mod codes;
pub mod evaluate;
pub mod filter;
pub mod ids;
pub mod limits;
pub mod metric;
pub mod payload;
pub mod point;
pub mod question;
pub mod raster;
pub mod roles;
pub mod slots;
pub mod units;
pub mod vector;
pub mod words;

pub use cancel::Cancel;
pub use clock::{Clock, Timestamp};
pub use codes::{Code, Kind};
pub use filter::{Condition, Filter, MatchValue, Range, Test};
pub use ids::{CollectionName, ImageId, NameError, PointId, Seq, Slot, VectorName};
pub use metric::Metric;
pub use payload::{Path, PathError, Payload, PayloadSource};
pub use point::{Change, ImageRecord, PointRecord, PointWrite, RecordSource, RowsSource};
pub use question::{Answer, Explain, GroupBy, Hit, Identity, Plan, Question};
pub use raster::{Raster, RasterError, Region};
pub use roles::{Role, Roles};
pub use slots::SlotSet;
pub use units::{Dim, Ef, Mpp, TopK, UnitError};
pub use vector::{Comparator, MultiVector, MultiVectorError, Vector};
