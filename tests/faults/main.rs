//! What is promised about crashes and bad disks, on the real program over a real socket: a binary
//! of its own, which links nothing of the program.
//!
//! `VITRAIL_KILL_ROUNDS=1000 cargo test --release --test faults -- --nocapture kill_9` repeats the
//! kill -9 loop a thousand times, `VITRAIL_CUT_ROUNDS` (`power_cut`) and `VITRAIL_NTH_ROUNDS`
//! (`fails_once`) the other loops; each prints what it found as one line of JSON. `VITRAIL_SEED`
//! starts from another seed, `VITRAIL_PROGRAM` tests another build of the program.

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
