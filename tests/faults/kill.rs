//! kill -9 while clients write: nothing that was acknowledged is lost, nothing is half there.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Load, Look, acknowledged, points, write_while};
use crate::ground::{Ground, rounds, segments};
use crate::process::check;

/// 32 MB of rows seal a segment: 2,048 of them here, so that most rounds freeze one or merge.
const LOAD: Load = Load { dim: 4_096, batch: 24, ids_per_writer: 500, writers: 4 };

/// A freeze that doesn't come is not waited for longer.
const FREEZE_MAX: Duration = Duration::from_millis(1_500);

#[test]
fn no_acknowledged_write_is_lost_to_kill_9() {
    let rounds = rounds("VITRAIL_KILL_ROUNDS", 6);
    let mut ground = Ground::new(41, LOAD);
    let (mut frozen, begun) = (0, Instant::now());
    for round in 0..rounds {
        let server = ground.start();
        if round == 0 {
            ground.create(&server, LOAD);
        } else {
            let whole = round % 20 == 0;
            ground.verify(&server, if whole { Look::Whole } else { Look::Round(round - 1) });
        }
        ground.begin_round(round);
        let (store, after) = (ground.store.clone(), ground.dice.roll(600));
        let mut server = Some(server);
        let client = server.as_ref().map(|server| server.client.clone());
        let Some(client) = client else { return };
        let log = write_while(&client, &mut ground.writers, || {
            if round % 2 == 0 {
                std::thread::sleep(Duration::from_millis(after));
            } else {
                frozen += u64::from(await_freeze(&store));
                std::thread::sleep(Duration::from_millis(after / 10));
            }
            server.take().map(|server| server.kill()).unwrap_or_default()
        });
        ground.note_log(&log);
        if round % 50 == 49 {
            check(&ground.store);
            println!("{} rounds, {:.0} s", round + 1, begun.elapsed().as_secs_f32());
        }
    }
    let server = ground.start();
    ground.verify(&server, Look::Whole);
    ground.note_log(&server.stop());
    check(&ground.store);
    let (median, longest) = ground.median_and_longest_start();
    let figures = json!({
        "rounds": rounds, "killed_in_a_freeze": frozen,
        "acknowledged": acknowledged(&ground.writers), "points": points(&ground.writers),
        "lost": 0, "start_median_ms": median as u64, "start_longest_ms": longest as u64,
        "seconds": begun.elapsed().as_secs(), "odd": ground.odd.len(),
    });
    println!("{figures}");
    ground.odd.iter().take(20).for_each(|line| println!("odd: {line}"));
    assert!(acknowledged(&ground.writers) > rounds * 3, "hardly anything was written");
}

/// Waits until a segment's folder is made. Whether one was.
fn await_freeze(store: &std::path::Path) -> bool {
    let (before, begun) = (segments(store), Instant::now());
    while begun.elapsed() < FREEZE_MAX {
        if segments(store).iter().any(|segment| !before.contains(segment)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}
