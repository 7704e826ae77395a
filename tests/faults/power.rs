//! Power cuts while clients write: what was acknowledged is there, and with syncing off it is not.

use std::time::Instant;

use serde_json::json;

use crate::client::{Load, Look, acknowledged, points, problems};
use crate::cut::Way;
use crate::ground::rounds;
use crate::process::check;
use crate::shim::{JOURNAL, LIE, Word};
use crate::shimmed::Shimmed;

/// As wide as in the kill loop, so that segments freeze, and fewer points, which are copied often.
const LOAD: Load = Load { dim: 8_192, batch: 12, ids_per_writer: 250, writers: 3 };

#[test]
fn no_acknowledged_write_is_lost_to_a_power_cut() {
    let rounds = rounds("VITRAIL_CUT_ROUNDS", 6);
    let Some(mut power) = Shimmed::new(77, LOAD) else { return };
    let begun = Instant::now();
    let server = power.start(JOURNAL, 0).expect("a server");
    power.ground.create(&server, LOAD);
    power.write_until_cut(server, 100);
    power.cut(Way::Strict);
    let mut written = 0;
    for round in 1..=rounds {
        // One cut in three comes while the program looks at what the last one left.
        let die = if round % 3 == 2 { 1 + power.ground.dice.roll(300) } else { 0 };
        if let Some(server) = power.start(JOURNAL, die).filter(|_| die == 0) {
            power.ground.starts.push(server.started_in);
            power.ground.verify(&server, Look::Round(written));
            written = round;
            power.ground.begin_round(round);
            // Another in three at a counted call, the rest at any moment.
            let calls = if round % 3 == 1 { 1 + power.ground.dice.roll(400) } else { 0 };
            power.shim.set(Word::Die, calls);
            let after = power.ground.dice.roll(900);
            power.write_until_cut(server, if calls == 0 { after } else { 2_000 });
        }
        let way = if power.ground.dice.one_in(2) { Way::Torn } else { Way::Strict };
        power.cut(way);
    }
    let server = power.ground.start();
    power.ground.verify(&server, Look::Whole);
    power.ground.note_log(&server.stop());
    check(&power.ground.store);
    let (median, longest) = power.ground.median_and_longest_start();
    let writers = &power.ground.writers;
    println!(
        "{}",
        json!({
            "cuts": power.cuts, "before_it_answered": power.early, "lost": 0,
            "acknowledged": acknowledged(writers), "points": points(writers),
            "start_median_ms": median as u64, "start_longest_ms": longest as u64,
            "seconds": begun.elapsed().as_secs(), "odd": power.ground.odd.len(),
        })
    );
    power.ground.odd.iter().take(20).for_each(|line| println!("odd: {line}"));
    assert!(acknowledged(writers) > rounds, "hardly anything was written");
}

/// The same loop with syncs that are answered and not done: if this lost nothing, the test above
/// would show nothing.
#[test]
fn with_syncing_off_a_power_cut_loses_acknowledged_writes() {
    let Some(mut power) = Shimmed::new(78, LOAD) else { return };
    let server = power.start(JOURNAL, 0).expect("a server");
    power.ground.create(&server, LOAD);
    power.write_until_cut(server, 100);
    power.cut(Way::Strict);
    let server = power.start(JOURNAL | LIE, 0).expect("a server");
    power.ground.verify(&server, Look::Whole);
    let before = acknowledged(&power.ground.writers);
    power.write_until_cut(server, 400);
    assert!(acknowledged(&power.ground.writers) > before, "nothing was written");
    power.cut(Way::Strict);
    let server = power.ground.start();
    let lost = problems(&server.client, &mut power.ground.writers, Look::Whole);
    assert!(!lost.is_empty(), "nothing is lost, though nothing was synced");
}
