//! Search latency beside a bulk load: steady first, then while a writer goes at full speed and
//! segments are frozen and merged, until all has come to rest. And whether an acknowledged point is
//! ever hidden.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use vitrail_collection::Collection;
use vitrail_disk::make_way;
use vitrail_domain::{
    Cancel, Change, CollectionName, PointId, PointWrite, Question, TopK, VectorName,
};
use vitrail_vector_index::Task;

use super::drawn::Drawn;
use super::process::anonymous_bytes;
use super::{at, made, settle, times};
use crate::open::{self, Failure};

/// What is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Loads {
    /// Points that are at rest before.
    pub points: usize,
    /// Points that are loaded beside searches.
    pub more: usize,
    /// Components.
    pub dim: usize,
    /// Points of one durable batch.
    pub batch: usize,
    /// Searches of each steady state, before and after.
    pub steady: usize,
    /// How often upkeep looks for work; a server looks ten times a second for what to freeze.
    pub look_every: Duration,
}

/// Queries that are asked in turn.
const QUERIES: usize = 500;

/// Every so many searches the newest acknowledged point is looked for.
const NEWEST_EVERY: usize = 4;

const SEED: u64 = 7;

/// What goes on beside a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Steady,
    Loading,
    Freezing,
    Merging,
    FreezingAndMerging,
    Settling,
    Rested,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Loading => "loading",
            Self::Freezing => "freezing",
            Self::Merging => "merging",
            Self::FreezingAndMerging => "freezing_and_merging",
            Self::Settling => "settling",
            Self::Rested => "rested",
        }
    }
}

/// What the threads tell one another.
#[derive(Default)]
struct Board {
    writing: AtomicBool,
    /// Whether a freeze is under way, and whether a merge is.
    works: [AtomicBool; 2],
    /// The last point that was acknowledged.
    newest: Mutex<Option<(PointId, Vec<f32>)>>,
    /// No thread is at work any more.
    rested: AtomicBool,
}

impl Board {
    fn phase(&self) -> Phase {
        let [freezes, merges] = Task::ALL.map(|task| self.goes_on(task));
        match (freezes, merges, self.writing.load(Ordering::Relaxed)) {
            (true, true, _) => Phase::FreezingAndMerging,
            (true, false, _) => Phase::Freezing,
            (false, true, _) => Phase::Merging,
            (false, false, true) => Phase::Loading,
            _ => Phase::Settling,
        }
    }

    fn goes_on(&self, task: Task) -> bool {
        self.works[task as usize].load(Ordering::Relaxed)
    }
}

/// Ends a thread's part on the board, however the thread ends.
struct Ends<'a>(&'a AtomicBool, bool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(self.1, Ordering::Relaxed);
    }
}

/// Fills the collection `load` of a new store, then loads more beside searches.
///
/// # Errors
/// A store that can't be made or written, or that has such a collection already.
pub fn load(folder: &Path, loads: Loads) -> Result<Value, Failure> {
    let catalog = open::catalog(folder, true)?;
    let (name, vector): (CollectionName, VectorName) = ("load".parse()?, "v".parse()?);
    let collection = made(&catalog, (&name, &vector), loads.dim)?;
    let mut drawn = Drawn::new(loads.dim, SEED);
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|_| drawn.row().0).collect();
    let board = Board::default();
    let mut writer = Writer { collection: &collection, vector: &vector, drawn, next: 0 };
    writer.write(loads.points, loads.batch, &board)?;
    settle(&collection)?;
    let mut searcher = Searcher::new(&collection, &vector, &queries);
    searcher.search(&board, |_| Phase::Steady, |asked| asked < loads.steady)?;
    let (load_seconds, rest_seconds) = beside(&mut searcher, writer, loads, &board)?;
    searcher.search(&board, |_| Phase::Rested, |asked| asked < loads.steady)?;
    let bytes = anonymous_bytes();
    let segments = collection.view().vector(&vector)?.segment_counts().len();
    catalog.close();
    Ok(json!({
        "points": loads.points, "more": loads.more, "dim": loads.dim, "batch": loads.batch,
        "load_seconds": load_seconds, "points_per_second": loads.more as f64 / load_seconds,
        "rest_seconds": rest_seconds, "segments_at_rest": segments,
        "anonymous_bytes_at_rest": bytes,
        "newest_looked_for": searcher.looked_for, "hidden": searcher.hidden,
        "missed_by_walk": searcher.missed, "phases": searcher.report(),
    }))
}

/// Searches on this thread while others write, freeze and merge; seconds until the last point was
/// acknowledged, and from there until nothing was due.
fn beside(
    searcher: &mut Searcher<'_>,
    mut writer: Writer<'_>,
    loads: Loads,
    board: &Board,
) -> Result<(f64, f64), Failure> {
    let (collection, vector) = (searcher.collection, searcher.vector);
    let started = Instant::now();
    board.writing.store(true, Ordering::Relaxed);
    std::thread::scope(|scope| {
        let write = scope.spawn(move || {
            let _ends = Ends(&board.writing, false);
            writer.write(loads.more, loads.batch, board).map(|()| started.elapsed().as_secs_f64())
        });
        let workers = Task::ALL.map(|task| {
            scope.spawn(move || {
                // A panic of one must not leave the searcher asking for ever.
                let _ends = (task == Task::Merge).then(|| Ends(&board.rested, true));
                keep_up((collection, vector), board, task, loads.look_every)
            })
        });
        let care = scope.spawn(move || care(collection, board, loads.look_every));
        let searched =
            searcher.search(board, Board::phase, |_| !board.rested.load(Ordering::Relaxed));
        let all_seconds = started.elapsed().as_secs_f64();
        let panicked = |_| Failure::from("a thread panicked");
        let write_seconds = write.join().map_err(panicked)??;
        for worker in workers {
            worker.join().map_err(panicked)??;
        }
        care.join().map_err(panicked)??;
        searched?;
        Ok((write_seconds, all_seconds - write_seconds))
    })
}

/// Freezes or merges what is due, as a server's threads do, until the writer has ended and nothing
/// is due or goes on.
fn keep_up(
    (collection, vector): (&Collection, &VectorName),
    board: &Board,
    task: Task,
    look_every: Duration,
) -> Result<(), Failure> {
    make_way()?;
    loop {
        let writing = board.writing.load(Ordering::Relaxed);
        work(collection, vector, board, task)?;
        let others = Task::ALL.iter().any(|&other| other != task && board.goes_on(other));
        if !writing && !others && !due(collection) {
            return Ok(());
        }
        std::thread::sleep(look_every);
    }
}

fn due(collection: &Collection) -> bool {
    Task::ALL.iter().any(|&task| !collection.segments_due(task).is_empty())
}

/// Does what is due of one kind of work.
fn work(
    collection: &Collection,
    vector: &VectorName,
    board: &Board,
    task: Task,
) -> Result<(), Failure> {
    if collection.segments_due(task).is_empty() {
        return Ok(());
    }
    board.works[task as usize].store(true, Ordering::Relaxed);
    let _ends = Ends(&board.works[task as usize], false);
    collection.work_on_segments(vector, task, &Cancel::new())?;
    Ok(())
}

/// Commits fields and notes checkpoints, as a server's other thread does.
fn care(collection: &Collection, board: &Board, look_every: Duration) -> Result<(), Failure> {
    while !board.rested.load(Ordering::Relaxed) {
        collection.checkpoint_if_due()?;
        collection.commit_fields_if_due()?;
        std::thread::sleep(look_every);
    }
    Ok(())
}

/// Writes drawn points one batch after the other.
struct Writer<'a> {
    collection: &'a Collection,
    vector: &'a VectorName,
    drawn: Drawn,
    next: u64,
}

impl Writer<'_> {
    fn write(&mut self, points: usize, batch: usize, board: &Board) -> Result<(), Failure> {
        let end = self.next + points as u64;
        while self.next < end {
            let count = (end - self.next).min(batch.max(1) as u64);
            let rows: Vec<Vec<f32>> = (0..count).map(|_| self.drawn.row().0).collect();
            let newest = rows.last().cloned().unwrap_or_default();
            let ids = (self.next..).map(PointId::Number);
            let point = |(id, row): (PointId, Vec<f32>)| {
                let vectors = BTreeMap::from([(self.vector.clone(), row.into())]);
                Change::Upsert(PointWrite { id, image: None, payload: None, vectors })
            };
            self.collection.apply(ids.zip(rows).map(point).collect())?;
            self.next += count;
            *board.newest.lock() = Some((PointId::Number(self.next - 1), newest));
        }
        Ok(())
    }
}

/// Asks with a watch, by phase.
struct Searcher<'a> {
    collection: &'a Collection,
    vector: &'a VectorName,
    queries: &'a [Vec<f32>],
    micros: BTreeMap<Phase, Vec<f64>>,
    looked_for: usize,
    /// Acknowledged points that no search found.
    hidden: usize,
    /// Acknowledged points that exact search found, and the default one didn't.
    missed: usize,
}

impl<'a> Searcher<'a> {
    fn new(
        collection: &'a Arc<Collection>,
        vector: &'a VectorName,
        queries: &'a [Vec<f32>],
    ) -> Self {
        let micros = BTreeMap::new();
        Self { collection, vector, queries, micros, looked_for: 0, hidden: 0, missed: 0 }
    }

    fn search(
        &mut self,
        board: &Board,
        phase: impl Fn(&Board) -> Phase,
        go_on: impl Fn(usize) -> bool,
    ) -> Result<(), Failure> {
        let mut asked = 0;
        while go_on(asked) {
            let newest = (asked % NEWEST_EVERY == 0).then(|| board.newest.lock().clone()).flatten();
            let query = newest.as_ref().map_or(&self.queries[asked % QUERIES], |newest| &newest.1);
            let question = self.question(query, false)?;
            let phase = phase(board);
            let started = Instant::now();
            let answer = self.collection.answer(&question)?;
            let micros = started.elapsed().as_secs_f64() * 1e6;
            self.micros.entry(phase).or_default().push(micros);
            if let Some((id, row)) = &newest {
                self.looked_for += 1;
                if answer.hits.first().map(|hit| hit.id) != Some(*id) {
                    self.look_exactly(*id, row)?;
                }
            }
            asked += 1;
        }
        Ok(())
    }

    fn look_exactly(&mut self, id: PointId, row: &[f32]) -> Result<(), Failure> {
        let answer = self.collection.answer(&self.question(row, true)?)?;
        if answer.hits.first().map(|hit| hit.id) == Some(id) {
            self.missed += 1;
        } else {
            self.hidden += 1;
        }
        Ok(())
    }

    fn question(&self, query: &[f32], exact: bool) -> Result<Question, Failure> {
        let (vector, k) = (self.vector.clone(), TopK::new(10)?);
        Ok(Question { exact, ..Question::nearest(vector, query.to_vec().into(), k) })
    }

    fn report(&self) -> Value {
        let p99 = |micros: &[f64]| {
            let mut sorted = micros.to_vec();
            sorted.sort_by(f64::total_cmp);
            at(&sorted, 0.99)
        };
        let steady = self.micros.get(&Phase::Steady).map_or(0.0, |micros| p99(micros));
        let mut phases = Map::new();
        for (phase, micros) in &self.micros {
            let mut report = times(micros.clone());
            report["searches"] = json!(micros.len());
            report["max_us"] = json!(micros.iter().copied().fold(0.0, f64::max));
            report["p99_to_steady"] = json!(p99(micros) / steady.max(f64::MIN_POSITIVE));
            phases.insert(phase.name().to_owned(), report);
        }
        Value::Object(phases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_load_hides_no_acknowledged_point() {
        let folder = tempfile::tempdir().expect("a folder");
        // So long that few points seal a mutable segment: 512.
        let loads = Loads {
            points: 520,
            more: 520,
            dim: 16_384,
            batch: 100,
            steady: 40,
            look_every: Duration::from_millis(5),
        };
        let report = load(folder.path(), loads).expect("loaded");
        let count = |name: &str| report[name].as_u64().unwrap_or(u64::MAX);
        assert_eq!((count("hidden"), count("missed_by_walk")), (0, 0), "{report}");
        assert!((20..u64::MAX).contains(&count("newest_looked_for")), "{report}");
        for phase in ["steady", "freezing", "rested"] {
            let searches = report["phases"][phase]["searches"].as_u64();
            assert!(searches > Some(0), "{phase}: {report}");
        }
        assert!(load(folder.path(), loads).is_err());
    }
}
