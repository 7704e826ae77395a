//! Segments on disk against a map: random histories with reopening, and damage of every file.

#![expect(clippy::disallowed_methods, reason = "tests harm files on purpose")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// What a store would hold: the truth, and the slots of each change by Seq.
struct Truth {
    model: Model,
    log: Vec<Vec<Slot>>,
    metric: Metric,
    dim: usize,
}

impl Truth {
    fn new(metric: Metric, dim: usize) -> Self {
        Self { model: Model::new(), log: Vec::new(), metric, dim }
    }

    /// One batch, in the truth and then in the index.
    fn change(&mut self, index: &VectorIndex, rows: Vec<(u32, Vec<f32>)>, gone: Vec<u32>) {
        let writes: Vec<(Slot, &[f32])> =
            rows.iter().map(|(slot, row)| (Slot(*slot), row.as_slice())).collect();
        let removed: Vec<Slot> = gone.iter().copied().map(Slot).collect();
        let touched = writes.iter().map(|write| write.0).chain(removed.iter().copied());
        self.log.push(touched.collect());
        index.apply_at(self.seq(), &writes, &removed).unwrap();
        self.model.extend(rows.iter().cloned());
        gone.iter().for_each(|slot| drop(self.model.remove(slot)));
    }

    fn seq(&self) -> Seq {
        Seq(self.log.len() as u64)
    }

    /// Opens the folder and replays what changed after its Seq, or everything where it says so.
    fn open(&self, folder: &Path) -> (VectorIndex, Vec<String>, usize) {
        let opened = VectorIndex::open(folder, dim(self.dim), self.metric).unwrap();
        let view = opened.index.view();
        let all = || self.model.keys().copied().chain(view.slots().iter().map(|slot| slot.0));
        let slots: BTreeSet<u32> = match opened.seq.filter(|_| !opened.incomplete) {
            Some(seq) => {
                let changed = self.log[seq.0 as usize..].iter().flatten();
                changed.map(|slot| slot.0).chain(opened.pending.iter().map(|slot| slot.0)).collect()
            }
            None => all().collect(),
        };
        let (mut rows, mut removed): (Vec<(Slot, &[f32])>, Vec<Slot>) = Default::default();
        for slot in slots {
            match self.model.get(&slot) {
                Some(row) if view.holds(Slot(slot), row) => {}
                Some(row) => rows.push((Slot(slot), row)),
                None => removed.push(Slot(slot)),
            }
        }
        opened.index.apply_at(self.seq(), &rows, &removed).unwrap();
        let replayed = rows.len();
        (opened.index, opened.problems, replayed)
    }

    /// The answers of the index are those of a loop over the truth, exactly and by a full walk.
    fn check(&self, index: &VectorIndex, random: &mut Random, of: &str) {
        let view = index.view();
        assert!(view.slots().iter().map(|slot| slot.0).eq(self.model.keys().copied()), "{of}");
        let query = random.vector(self.dim);
        let prepared = prepare_query(self.metric, &query);
        let half: SlotSet = (0..4_000).filter(|_| random.below(2) == 0).map(Slot).collect();
        for allowed in [None, Some(&half)] {
            let truth = naive(&self.model, self.metric, &query, allowed);
            assert_eq!(view.search_exact(&prepared, k(4_000), allowed).hits, truth, "{of}");
            let walked = view.search_graph(&prepared, k(4_000), ef(4_000), allowed);
            assert!(walked.is_none_or(|walked| walked.hits == truth), "{of}: walked");
        }
    }
}

fn work(index: &VectorIndex) -> Built {
    index.work(&GraphOptions::default(), &Cancel::new(), &|_, _| {}).unwrap()
}

/// A folder that lived through this many steps; what it should hold.
fn lived_on_disk(seed: u64, metric: Metric, steps: usize, folder: &Path) -> (VectorIndex, Truth) {
    let mut random = Random(seed);
    let mut truth = Truth::new(metric, 9);
    let mut index = truth.open(folder).0;
    for step in 0..steps {
        let of = format!("seed {seed}, {metric}, step {step}");
        match random.below(12) {
            0..5 => {
                let rows =
                    (0..random.below(120)).map(|_| (random.below(3_000) as u32, random.vector(9)));
                let rows: Vec<_> = rows_of(rows);
                truth.change(&index, rows, Vec::new());
            }
            5..7 => {
                let gone = (0..random.below(80)).map(|_| random.below(3_000) as u32).collect();
                truth.change(&index, Vec::new(), gone);
            }
            7 => index.seal(),
            8 | 9 => drop(work(&index)),
            10 => drop(index.checkpoint().unwrap()),
            _ => {
                drop(index);
                let (opened, problems, _) = truth.open(folder);
                assert!(problems.is_empty(), "{of}: {problems:?}");
                index = opened;
            }
        }
        truth.check(&index, &mut random, &of);
    }
    (index, truth)
}

/// The last of each slot, as a map would keep it.
fn rows_of(rows: impl Iterator<Item = (u32, Vec<f32>)>) -> Vec<(u32, Vec<f32>)> {
    rows.collect::<Model>().into_iter().collect()
}

#[test]
fn any_history_with_restarts_is_a_map() {
    let seed = std::env::var("VITRAIL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    for round in 0..12 {
        let seed = seed.unwrap_or(1_000) + round;
        let metric = Metric::ALL[round as usize % Metric::ALL.len()];
        println!("VITRAIL_TEST_SEED={seed} {metric}");
        let folder = tempfile::tempdir().unwrap();
        let (index, truth) = lived_on_disk(seed, metric, 90, folder.path());
        drop(index);
        let (index, problems, _) = truth.open(folder.path());
        assert!(problems.is_empty(), "seed {seed}: {problems:?}");
        truth.check(&index, &mut Random(seed), "at the end");
        while work(&index) != Built::Nothing {}
        truth.check(&index, &mut Random(seed), "worked off");
    }
}

/// Two segments of 1,500 and 200 rows, some dead, a checkpoint, and 50 writes after it.
fn two_segments(folder: &Path) -> Truth {
    let (mut random, mut truth) = (Random(7), Truth::new(Metric::Cosine, 9));
    let index = truth.open(folder).0;
    for rows in [0..1_500_u32, 1_400..1_600] {
        truth.change(&index, rows.map(|slot| (slot, random.vector(9))).collect(), Vec::new());
        index.seal();
        assert!(matches!(work(&index), Built::Published(_)));
    }
    truth.change(&index, Vec::new(), (0..60).collect());
    assert_eq!(index.checkpoint().unwrap(), Some(truth.seq()));
    truth.change(&index, (30..80).map(|slot| (slot, random.vector(9))).collect(), Vec::new());
    assert_eq!(index.view().segment_counts().len(), 2);
    truth
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let each = entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] });
    let mut files: Vec<PathBuf> = each.collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
}

/// What is done to a file's bytes; `None` removes it.
type Harm = (&'static str, fn(Vec<u8>) -> Option<Vec<u8>>);

const HARMS: [Harm; 5] = [
    ("missing", |_| None),
    ("empty", |_| Some(Vec::new())),
    ("cut", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
    ("flipped in the middle", |bytes| Some(flipped(bytes, 2))),
    ("flipped near the end", |bytes| Some(flipped(bytes, 1))),
];

fn flipped(mut bytes: Vec<u8>, part: usize) -> Vec<u8> {
    let at = (bytes.len() - 1) / part;
    bytes[at] ^= 0x20;
    bytes
}

#[test]
fn whatever_is_damaged_is_named_and_made_again() {
    let whole = tempfile::tempdir().unwrap();
    let truth = two_segments(whole.path());
    let files = files_below(whole.path());
    assert_eq!(files.len(), 9, "{files:?}");
    for file in &files {
        for (harm, change) in HARMS {
            let folder = tempfile::tempdir().unwrap();
            copy(whole.path(), folder.path());
            let target = folder.path().join(file.strip_prefix(whole.path()).unwrap());
            match change(fs::read(&target).unwrap()) {
                Some(bytes) => fs::write(&target, bytes).unwrap(),
                None => fs::remove_file(&target).unwrap(),
            }
            mended(&truth, folder.path(), &target, harm);
        }
    }
}

/// Opens, scrubs, drops and refills what is damaged, works it off, and opens again without a word.
fn mended(truth: &Truth, folder: &Path, target: &Path, harm: &str) {
    let of = format!("{} {harm}", target.strip_prefix(folder).unwrap().display());
    let (index, mut told, _) = truth.open(folder);
    index.scrub(&Cancel::new());
    told.extend(index.view().damage());
    told.extend(index.view().graph_damage());
    let name = target.strip_prefix(folder).unwrap().to_str().unwrap();
    assert!(told.iter().any(|told| told.contains(name)), "{of}: {told:?}");
    let lost = index.drop_damaged();
    let rows = lost.iter().map(|slot| (slot, truth.model[&slot.0].as_slice()));
    assert_eq!(index.checkpoint().unwrap(), None, "{of}: a file would hide what is lost");
    index.apply(&rows.collect::<Vec<_>>(), &[]).unwrap();
    index.refilled();
    truth.check(&index, &mut Random(1), &of);
    index.seal();
    while work(&index) != Built::Nothing {}
    truth.check(&index, &mut Random(2), &of);
    drop(index);
    let (index, problems, replayed) = truth.open(folder);
    assert!(problems.is_empty() && replayed == 0, "{of}: {problems:?} {replayed}");
    index.scrub(&Cancel::new());
    assert!(index.view().damage().is_empty() && index.view().graph_damage().is_empty(), "{of}");
    truth.check(&index, &mut Random(3), &of);
}

#[test]
fn a_start_reads_only_what_changed_after_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let truth = two_segments(folder.path());
    let (index, problems, replayed) = truth.open(folder.path());
    assert_eq!((problems.len(), replayed), (0, 50));
    assert!(index.view().has_graph());
    // What a crash left is swept, and is no problem.
    drop(index);
    fs::create_dir(folder.path().join("00000000000000ff")).unwrap();
    fs::write(folder.path().join("00000000000000ff/vectors.f32"), b"half").unwrap();
    let (index, problems, _) = truth.open(folder.path());
    assert!(problems.is_empty() && !folder.path().join("00000000000000ff").exists());
    truth.check(&index, &mut Random(4), "after a crash");
}

/// Prints the figures of `src/decisions/0006-segments.md`.
#[test]
#[ignore = "a measure, of minutes"]
fn figures_of_freezing_and_opening() {
    let (count, width) = (100_000, 384);
    let rows = Random(5).clustered(count, width);
    let folder = tempfile::tempdir().unwrap();
    let mut truth = Truth::new(Metric::Cosine, width);
    let index = truth.open(folder.path()).0;
    let numbered: Vec<_> = (0..).zip(rows).collect();
    numbered.chunks(1_000).for_each(|rows| truth.change(&index, rows.to_vec(), Vec::new()));
    let started = std::time::Instant::now();
    assert_eq!(build(&index), Built::Published(count));
    println!("frozen in {:?}", started.elapsed());
    drop(index);
    for _ in 0..3 {
        let started = std::time::Instant::now();
        let opened = VectorIndex::open(folder.path(), dim(width), Metric::Cosine).unwrap();
        let open = started.elapsed();
        let query = prepare_query(Metric::Cosine, &truth.model[&77]);
        let view = opened.index.view();
        let found = view.search_graph(&query, k(10), ef(64), None).unwrap();
        assert_eq!(found.hits[0].0, Slot(77));
        println!("opened in {open:?}, first answer after {:?}", started.elapsed());
    }
}
