//! kill -9: the test binary runs itself as a writing child and kills it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vitrail_domain::Cancel;

use super::*;

const CHILD: &str = "VITRAIL_STORE_CRASH_CHILD";
const WRITERS: u64 = 3;

/// The number of a writer's `round`-th point; both sides know its payload and vector from it.
fn number(run: u64, writer: u64, round: u64) -> u64 {
    (run * WRITERS + writer) * 1_000_000 + round
}

fn point(number: u64) -> Change {
    upsert(number, json!({"n": number, "text": "x".repeat(50)}), &[number as f32, 1.0, 2.0])
}

/// The child: writes for ever, and tells of each write once it is acknowledged.
#[test]
fn child_writes_until_it_is_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (run, dir) = told.split_once(' ').unwrap();
    let run: u64 = run.parse().unwrap();
    let store = Store::open(dir.as_ref(), options()).unwrap();
    let collection = store.open_collection(&name()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let collection = &collection;
            scope.spawn(move || {
                for round in 0..1_000_000 {
                    let added = number(run, writer, round);
                    // Every third write also takes back the one before.
                    let mut changes = vec![point(added)];
                    if round % 3 == 2 {
                        changes.push(Change::Delete(PointId::Number(added - 1)));
                    }
                    write(collection, changes);
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "\nacknowledged {writer} {round}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

fn start_child(run: u64, dir: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["tests::crash::child_writes_until_it_is_killed", "--exact", "--nocapture"])
        .env(CHILD, format!("{run} {}", dir.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Rounds that each writer of one run had acknowledged when it was killed.
fn killed_after(run: u64, dir: &std::path::Path, milliseconds: u64) -> Vec<u64> {
    let mut child = start_child(run, dir);
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut rounds = vec![0; WRITERS as usize];
        for line in out.lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            if words.next() == Some("acknowledged") {
                let told: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
                rounds[told[0] as usize] = told[1] + 1;
            }
        }
        rounds
    });
    std::thread::sleep(Duration::from_millis(milliseconds));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn no_acknowledged_write_is_lost_to_kill_9() {
    let runs: u64 = std::env::var("VITRAIL_CRASH_RUNS").map_or(6, |runs| runs.parse().unwrap());
    let (folder, store, collection) = made(3);
    drop((store, collection));
    let mut dice = Dice(11);
    let (mut last_seq, mut total) = (0, 0);
    for run in 0..runs {
        let rounds = killed_after(run, &folder.path().join("s"), 150 + dice.roll(500));
        total += rounds.iter().sum::<u64>();
        let (store, collection) = reopened(&folder);
        assert_eq!(collection.lost(), None);
        let seq = collection.last_seq().0;
        assert!(seq >= last_seq + rounds.iter().sum::<u64>(), "run {run}: {rounds:?}, Seq {seq}");
        last_seq = seq;
        for (writer, acknowledged) in (0..).zip(&rounds) {
            for round in 0..*acknowledged {
                let number = number(run, writer, round);
                let slot = collection.slot_of(PointId::Number(number)).unwrap();
                // A later write, acknowledged or not, may have taken it back.
                if round % 3 == 1 && (round + 1 < *acknowledged || slot.is_none()) {
                    assert_eq!(slot, None, "run {run}, writer {writer}, round {round}");
                    continue;
                }
                let slot = slot.unwrap_or_else(|| panic!("run {run}: {writer} {round} is lost"));
                let payload = collection.record_of(slot).unwrap().unwrap().payload;
                assert_eq!(payload.fields()["n"], number);
                let vector = collection.vector(slot, &vector_name("v")).unwrap().unwrap();
                assert_eq!(vector[0], number as f32);
            }
        }
        assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
    }
    println!("{runs} kills, {total} acknowledged writes, none lost");
    assert!(total > runs, "the children hardly wrote: {total}");
}
