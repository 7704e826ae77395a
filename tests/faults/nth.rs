//! The n-th write, sync or rename fails once, with EIO: whatever was acknowledged stays there,
//! reads go on, and the next start is sound. The power is cut afterwards, since a sync that failed
//! must not be taken for one that was done.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Load, Look, acknowledged, write_while};
use crate::cut::Way;
use crate::ground::rounds;
use crate::process::{Server, check};
use crate::shim::{JOURNAL, Word};
use crate::shimmed::Shimmed;

const LOAD: Load = Load { dim: 4_096, batch: 24, ids_per_writer: 400, writers: 3 };

#[test]
fn a_call_that_fails_once_loses_nothing() {
    let rounds = rounds("VITRAIL_NTH_ROUNDS", 3);
    let Some(mut shimmed) = Shimmed::new(55, LOAD) else { return };
    let server = shimmed.start(JOURNAL, 0).expect("a server");
    shimmed.ground.create(&server, LOAD);
    shimmed.write_until_cut(server, 300);
    shimmed.cut(Way::Strict);
    let mut failed = [0; 3];
    for round in 1..=rounds {
        let server = shimmed.start(JOURNAL, 0).expect("a server");
        shimmed.ground.verify(&server, Look::Round(round - 1));
        shimmed.ground.begin_round(round);
        let kind = round as usize % 3;
        let word = [Word::FailWrite, Word::FailSync, Word::FailRename][kind];
        let among = [120, 60, 3][kind];
        let before = shimmed.shim.get(Word::Failed);
        shimmed.shim.set(word, 1 + shimmed.ground.dice.roll(among));
        write_until_failed(&mut shimmed, &server, before);
        failed[kind] += shimmed.shim.get(Word::Failed) - before;
        shimmed.shim.set(word, 0);
        // Reads go on, from the memory of a process that may no longer write.
        shimmed.ground.verify(&server, Look::Round(round));
        let log = server.kill();
        assert!(!log.contains("panicked"), "{log}");
        let way = if shimmed.ground.dice.one_in(2) { Way::Torn } else { Way::Strict };
        shimmed.cut(way);
    }
    let server = shimmed.ground.start();
    shimmed.ground.verify(&server, Look::Whole);
    server.stop();
    check(&shimmed.ground.store);
    let [writes, syncs, renames] = failed;
    let acknowledged = acknowledged(&shimmed.ground.writers);
    println!(
        "{}",
        json!({"rounds": rounds, "failed_writes": writes, "failed_syncs": syncs,
            "failed_renames": renames, "acknowledged": acknowledged, "lost": 0})
    );
    assert!(writes > 0 && syncs > 0, "nothing failed: {failed:?}");
}

/// Writes on for a moment after the call failed, so that what an error leaves behind is met.
fn write_until_failed(shimmed: &mut Shimmed, server: &Server, before: u64) {
    let client = server.client.clone();
    let Shimmed { ground, shim, .. } = shimmed;
    write_while(&client, &mut ground.writers, || {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) && shim.get(Word::Failed) == before {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(200));
    });
}
