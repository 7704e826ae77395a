//! What is promised about crashes and bad disks, on the real program over a real socket: a binary
//! of its own, which links nothing of the program.
//!
//! `VITRAIL_KILL_ROUNDS=1000 cargo nextest run --release --test faults --no-capture kill_9` repeats
//! the kill -9 loop a thousand times, and `VITRAIL_CUT_ROUNDS` does so for power cuts; both print
//! what they found as one line of JSON. `VITRAIL_SEED` repeats one sequence.

mod client;
mod cut;
mod damage;
mod dice;
mod full;
mod ground;
mod kill;
mod nth;
mod power;
mod process;
mod shim;
mod shimmed;
