//! Tests of the whole room: against the direct evaluator, on damaged files, and for its speed.

mod damage;
mod equal;
mod figures;
mod made;
