//! Figures, printed: `cargo test --release -p vitrail-store figures -- --ignored --nocapture`.

use std::ops::ControlFlow;
use std::time::Instant;

use vitrail_domain::Slot;

use super::*;

fn batch(from: u64, size: u64, dim: usize, dice: &mut Dice) -> Vec<Change> {
    (from..from + size).map(|number| upsert(number, dice.payload(), &dice.vector(dim))).collect()
}

#[test]
#[ignore = "prints figures; takes a minute"]
fn figures_inserts_a_second() {
    for dim in [384, 1280] {
        for (size, writes) in [(1, 300), (64, 100), (1000, 20)] {
            let (_folder, _store, collection) = made(dim);
            let mut dice = Dice(5);
            let batches: Vec<_> =
                (0..writes).map(|at| batch(at * size, size, dim, &mut dice)).collect();
            let start = Instant::now();
            for changes in batches {
                write(&collection, changes);
            }
            let points = (size * writes) as f64;
            let per_second = points / start.elapsed().as_secs_f64();
            println!("dim {dim}, 1 writer, batch {size}: {per_second:.0} points/s");
        }
        for size in [1, 64] {
            let (_folder, _store, collection) = made(dim);
            let writes = if size == 1 { 200 } else { 30 };
            let start = Instant::now();
            std::thread::scope(|scope| {
                for writer in 0..8 {
                    let collection = &collection;
                    scope.spawn(move || {
                        let mut dice = Dice(writer);
                        for at in 0..writes {
                            let from = (writer * writes + at) * size;
                            write(collection, batch(from, size, dim, &mut dice));
                        }
                    });
                }
            });
            let points = (8 * writes * size) as f64;
            let per_second = points / start.elapsed().as_secs_f64();
            println!("dim {dim}, 8 writers, batch {size}: {per_second:.0} points/s");
        }
    }
}

#[test]
#[ignore = "prints figures; takes a minute"]
fn figures_opening() {
    const POINTS: u64 = 100_000;
    for flushed in [false, true] {
        let (folder, store, collection) = made(384);
        let mut dice = Dice(5);
        let start = Instant::now();
        for from in (0..POINTS).step_by(1000) {
            write(&collection, batch(from, 1000, 384, &mut dice));
        }
        println!("100k x 384 written in {:.1} s", start.elapsed().as_secs_f64());
        if flushed {
            store.flush().unwrap();
        }
        drop((store, collection));
        let timed = |what: &str, start: Instant| {
            println!("flushed {flushed}: {what} {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        };
        let start = Instant::now();
        let (store, collection) = reopened(&folder);
        timed("open", start);
        let start = Instant::now();
        assert_eq!(collection.slots().unwrap().len() as u64, POINTS);
        timed("slots", start);
        let start = Instant::now();
        let mut count = 0;
        let walked = collection.for_each_vector(&vector_name("v"), |_, vector| {
            count += vector.len() / 384;
            ControlFlow::Continue(())
        });
        walked.unwrap();
        timed("all vectors", start);
        let start = Instant::now();
        let walked = collection.for_each_record(Slot(0), |_, _| {
            count += 1;
            ControlFlow::Continue(())
        });
        walked.unwrap();
        timed("all records", start);
        assert_eq!(count as u64, 2 * POINTS);
        let start = Instant::now();
        for _ in 0..10_000 {
            let slot = Slot(dice.roll(POINTS) as u32);
            assert!(collection.record_of(slot).unwrap().is_some());
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / 1e4;
        println!("flushed {flushed}: one record {each:.1} us");
        let start = Instant::now();
        let found = store.check(&vitrail_domain::Cancel::new());
        assert_eq!(found.problem_count(), 0);
        timed("check", start);
    }
}
