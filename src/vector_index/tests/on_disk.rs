//! Segments on disk against a map: random histories with restarts, damage of every file, recall
//! along the way, a disk that refuses.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use vitrail_domain::Seq;

use super::*;

/// The truth beside an index: a map, and a log of which slot each Seq changed.
struct Shop {
    folder: tempfile::TempDir,
    dim: usize,
    metric: Metric,
    model: Model,
    seq: u64,
    log: Vec<(u64, u32)>,
    /// Changes up to here are forgotten, as a trimmed change log does.
    trimmed: u64,
    index: VectorIndex,
    problems: Vec<String>,
    caught_up: CaughtUp,
}

impl Shop {
    fn new(dim: usize, metric: Metric) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = VectorIndex::open(folder.path(), super::dim(dim), metric).unwrap();
        assert!(opened.problems.is_empty() && opened.seq.is_none());
        Self {
            folder,
            dim,
            metric,
            model: Model::new(),
            seq: 0,
            log: Vec::new(),
            trimmed: 0,
            index: opened.index,
            problems: Vec::new(),
            caught_up: CaughtUp::default(),
        }
    }

    fn write(&mut self, rows: Vec<(u32, Vec<f32>)>, removed: &[u32]) {
        self.seq += 1;
        let slots = rows.iter().map(|row| row.0).chain(removed.iter().copied());
        self.log.extend(slots.map(|slot| (self.seq, slot)));
        let writes: Vec<(Slot, &[f32])> =
            rows.iter().map(|(slot, row)| (Slot(*slot), row.as_slice())).collect();
        let gone: Vec<Slot> = removed.iter().copied().map(Slot).collect();
        self.index.apply_at(Seq(self.seq), &writes, &gone).unwrap();
        self.model.extend(rows);
        removed.iter().for_each(|slot| drop(self.model.remove(slot)));
    }

    /// Forgets the process and opens what is on disk.
    fn reopen(&mut self) {
        let folder = self.folder.path();
        let opened = VectorIndex::open(folder, super::dim(self.dim), self.metric).unwrap();
        self.problems = opened.problems.clone();
        let since = opened.seq.unwrap_or(Seq(0)).0;
        let after = self.log.iter().filter(|change| change.0 > since);
        let changed: SlotSet = after.map(|change| Slot(change.1)).collect();
        let reached = since >= self.trimmed;
        let model = &self.model;
        let (index, caught_up) =
            opened.catch_up(reached.then_some(&changed), Seq(self.seq), &truth(model)).unwrap();
        (self.index, self.caught_up) = (index, caught_up);
        assert_eq!(self.caught_up.refused, 0);
    }

    /// Exact plans equal the map, and so do walks that are wide enough.
    fn check(&self, random: &mut Random) {
        let view = self.index.view();
        assert!(view.slots().iter().map(|slot| slot.0).eq(self.model.keys().copied()));
        let allowed: SlotSet = self.model.keys().copied().step_by(3).map(Slot).collect();
        for allowed in [None, Some(&allowed)] {
            let query = random.vector(self.dim);
            let truth = naive(&self.model, self.metric, &query, allowed);
            let prepared = prepare_query(self.metric, &query);
            let found = view.search_exact(&prepared, k(50), allowed);
            assert_eq!(found.hits, truth[..50.min(truth.len())]);
            if let Some(found) = view.search_graph(&prepared, k(10_000), ef(10_000), allowed) {
                assert_eq!(found.hits, truth);
            }
        }
        assert!(view.damage().is_empty());
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in vitrail_disk::list(&folder).unwrap() {
                let path = folder.join(entry.name);
                if entry.is_folder { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }
}

type Each<'a> = dyn Fn(&mut dyn FnMut(Slot, &[f32])) -> Result<(), Infallible> + 'a;

/// The map as a truth.
fn truth(model: &Model) -> Truth<'_, Infallible> {
    let vector = |slot: Slot| Ok(model.get(&slot.0).cloned());
    let each = |take: &mut dyn FnMut(Slot, &[f32])| {
        model.iter().for_each(|(&slot, row)| take(Slot(slot), row));
        Ok(())
    };
    let (vector, each): (Box<dyn Fn(Slot) -> _>, Box<Each<'_>>) =
        (Box::new(vector), Box::new(each));
    // Two small boxes a test live as long as the test's process.
    Truth { vector: Box::leak(vector), each: Box::leak(each) }
}

#[test]
fn any_history_with_restarts_is_a_map() {
    let seeds = std::env::var("VITRAIL_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in seeds.map_or(1..13, |seed: u64| seed..seed + 1) {
        let metric = Metric::ALL[seed as usize % 4];
        eprintln!("VITRAIL_SEED={seed} {metric}");
        let mut random = Random(seed);
        let mut shop = Shop::new(6, metric);
        for _ in 0..120 {
            match random.below(12) {
                0 => shop.index.seal(),
                1 | 2 => work(&shop.index),
                3 => drop(freeze(&shop.index)),
                4 => drop(shop.index.checkpoint().unwrap()),
                5 => {
                    // The change log forgets what is behind the checkpoint, now and then too much.
                    let ahead = u64::from(random.below(6) == 0) * 3;
                    let kept = shop.index.checkpointed().map_or(0, |seq| seq.0 + ahead);
                    shop.trimmed = kept.clamp(shop.trimmed, shop.seq.max(shop.trimmed));
                    shop.reopen();
                    assert!(shop.problems.is_empty(), "{:?}", shop.problems);
                    shop.check(&mut random);
                }
                6 => shop.check(&mut random),
                _ => {
                    let count = random.below(60);
                    let rows =
                        (0..count).map(|_| (random.below(900) as u32, random.vector(6))).collect();
                    let gone: Vec<u32> =
                        (0..random.below(20)).map(|_| random.below(900) as u32).collect();
                    shop.write(rows, &gone);
                }
            }
        }
        shop.reopen();
        shop.check(&mut random);
    }
}

/// A shop with two frozen segments, dead rows in both, and a mutable rest.
fn stocked(metric: Metric) -> (Shop, Random) {
    let mut random = Random(7);
    let mut shop = Shop::new(40, metric);
    for round in 0..2 {
        let slots = round * 1_000..round * 1_000 + 600 - 360 * round;
        shop.write(slots.map(|slot| (slot, random.vector(40))).collect(), &[]);
        shop.index.seal();
        let one = GraphOptions { threads: 1, ..GraphOptions::default() };
        shop.index.work(&one, &Cancel::new(), &|_, _| {}).unwrap();
    }
    shop.write((0..50).map(|n| (n * 11, random.vector(40))).collect(), &[5, 6, 1_007]);
    (shop, random)
}

#[test]
fn a_restart_reads_only_what_changed() {
    let (mut shop, mut random) = stocked(Metric::Cosine);
    shop.reopen();
    // 50 rows and 3 deletions came after the last segment was frozen.
    assert_eq!(shop.caught_up, CaughtUp { read: 50, written: 50, removed: 3, refused: 0 });
    shop.check(&mut random);
    shop.index.checkpoint().unwrap();
    shop.trimmed = shop.seq;
    shop.reopen();
    assert_eq!(shop.caught_up, CaughtUp { read: 50, written: 50, removed: 0, refused: 0 });
    shop.check(&mut random);
    shop.trimmed = shop.seq + 1;
    shop.reopen();
    assert_eq!(shop.caught_up.read, shop.model.len());
    assert_eq!(shop.caught_up.written, 50);
    shop.check(&mut random);
}

fn damage(path: &Path, how: usize) -> &'static str {
    let whole = std::fs::read(path).unwrap();
    match how {
        0 => vitrail_disk::remove_tree(path).unwrap(),
        1 => vitrail_disk::safe_write(path, &whole[..whole.len() * 2 / 3]).unwrap(),
        _ => {
            let mut bytes = whole.clone();
            let at = if how == 2 { bytes.len() / 2 } else { 70 };
            bytes[at] ^= 1;
            vitrail_disk::safe_write(path, &bytes).unwrap();
        }
    }
    ["missing", "cut", "flipped in the middle", "flipped at the front"][how]
}

#[test]
fn every_damaged_file_is_named_and_made_again() {
    damage_every_file(Metric::Cosine);
}

#[test]
fn every_damaged_file_of_a_metric_without_codes_is_made_again() {
    damage_every_file(Metric::Manhattan);
}

fn damage_every_file(metric: Metric) {
    let files = stocked(metric).0.files().len();
    assert!(files >= 9, "{files}");
    for file in 0..files {
        for how in 0..4 {
            let (mut shop, mut random) = stocked(metric);
            shop.index.checkpoint().unwrap();
            let path = shop.files().swap_remove(file);
            let name = path.strip_prefix(shop.folder.path()).unwrap().display().to_string();
            let what = format!("{metric}, {name}: {}", damage(&path, how));
            shop.reopen();
            let mut told = shop.problems.clone();
            // What opening doesn't look at, a search does, or a check.
            let query = prepare_query(metric, &random.vector(40));
            let _ = shop.index.view().search_graph(&query, k(5), ef(50), None);
            let _ = shop.index.view().search_exact(&query, k(5), None);
            told.extend(shop.index.view().damage());
            told.extend(shop.index.graph_damage());
            assert!(told.iter().any(|told| told.contains(&name)), "{what}: {told:?}");
            shop.index.mend(&truth(&shop.model)).unwrap();
            shop.check(&mut random);
            shop.index.seal();
            work(&shop.index);
            shop.check(&mut random);
            let counts = shop.index.view().segment_counts();
            assert!(shop.index.view().has_graph(), "{what}: {counts:?}");
            shop.reopen();
            assert!(shop.problems.is_empty(), "{what}: {:?}", shop.problems);
            assert!(shop.index.graph_damage().is_empty());
            shop.check(&mut random);
        }
    }
}

#[test]
fn a_scrub_finds_what_nobody_touched() {
    let (mut shop, mut random) = stocked(Metric::Euclid);
    shop.index.checkpoint().unwrap();
    let files = shop.files();
    let rows = files.iter().rfind(|path| path.ends_with("vectors.f32")).unwrap();
    damage(rows, 2);
    shop.reopen();
    assert!(shop.index.view().damage().is_empty());
    shop.index.scrub(&Cancel::new(), &|| ());
    assert_eq!(shop.index.view().damage().len(), 1);
    // A damaged segment is not merged into a whole one.
    let one = GraphOptions { threads: 1, ..GraphOptions::default() };
    shop.index.seal();
    let _ = freeze(&shop.index);
    let _ = shop.index.work(&one, &Cancel::new(), &|_, _| {});
    assert_eq!(shop.index.view().damage().len(), 1);
    shop.index.mend(&truth(&shop.model)).unwrap();
    shop.check(&mut random);
}

#[test]
fn leftovers_of_a_crash_are_removed_and_old_segments_too() {
    let (mut shop, mut random) = stocked(Metric::Dot);
    let before = shop.files().len();
    let stray = shop.folder.path().join("00000000000000ff");
    vitrail_disk::create_dir_synced(&stray).unwrap();
    vitrail_disk::safe_write(&stray.join("slots"), b"half").unwrap();
    shop.reopen();
    assert_eq!((shop.files().len(), stray.exists()), (before, false));
    // So is the first segment of all, if its freeze was cut short: nothing is damaged by that.
    let mut first = Shop::new(40, Metric::Dot);
    let stray = first.folder.path().join("0000000000000000");
    vitrail_disk::create_dir_synced(&stray).unwrap();
    vitrail_disk::safe_write(&stray.join("slots"), b"half").unwrap();
    first.reopen();
    assert_eq!((first.problems.as_slice(), stray.exists()), (&[][..], false));
    let old = shop.index.view();
    freeze(&shop.index);
    // One segment: six files, and the manifest.
    assert_eq!(shop.files().len(), 7, "{:?}", shop.files());
    // Whoever still holds the old view goes on with it.
    let query = random.vector(40);
    let truth = naive(&shop.model, Metric::Dot, &query, None);
    assert_eq!(old.search_exact(&query, k(20), None).hits, truth[..20]);
    shop.check(&mut random);
}

#[test]
fn a_disk_that_refuses_leaves_everything_searchable() {
    let mut random = Random(3);
    let mut shop = Shop::new(8, Metric::Euclid);
    shop.write((0..500).map(|slot| (slot, random.vector(8))).collect(), &[]);
    shop.index.seal();
    // A file lies where the segment's folder should be made.
    let in_the_way = shop.folder.path().join(format!("{:016x}", 0));
    vitrail_disk::safe_write(&in_the_way, b"x").unwrap();
    let options = GraphOptions::default();
    let error = shop.index.work(&options, &Cancel::new(), &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("0000000000000000"), "{error}");
    shop.check(&mut random);
    work(&shop.index);
    assert!(shop.index.view().has_graph());
    shop.check(&mut random);
    shop.reopen();
    shop.check(&mut random);
}

#[test]
fn a_cancelled_freeze_leaves_no_file_and_is_taken_up_again() {
    let mut random = Random(4);
    let mut shop = Shop::new(8, Metric::Cosine);
    shop.write((0..3_000).map(|slot| (slot, random.vector(8))).collect(), &[]);
    shop.index.seal();
    let cancel = Cancel::new();
    let built = shop.index.work(&GraphOptions::default(), &cancel, &|_, _| cancel.cancel());
    assert_eq!(built.unwrap(), Built::Cancelled);
    assert!(shop.files().is_empty() && !shop.index.view().has_graph());
    work(&shop.index);
    assert_eq!(shop.index.view().graph_len(), 3_000);
    shop.check(&mut random);
}

#[test]
fn recall_holds_after_build_insert_delete_merge_and_reopen() {
    for metric in Metric::ALL {
        let mut random = Random(11);
        let mut rows = random.clustered(6_050, 48);
        let queries = rows.split_off(6_000);
        let mut shop = Shop::new(48, metric);
        let recall_of = |shop: &Shop, when: &str| {
            let view = shop.index.view();
            let one = |query: &Vec<f32>| {
                let prepared = prepare_query(metric, query);
                let found = view.search_graph(&prepared, k(10), ef(64), None).unwrap();
                recall(&found, &naive(&shop.model, metric, query, None), 10)
            };
            let mean = queries.iter().map(one).sum::<f64>() / queries.len() as f64;
            assert!(mean >= 0.98, "{metric} after {when}: {mean}");
        };
        let later = rows.split_off(4_000);
        shop.write((0..).zip(rows).collect(), &[]);
        shop.index.seal();
        work(&shop.index);
        recall_of(&shop, "build");
        shop.write((4_000..).zip(later).collect(), &[]);
        recall_of(&shop, "insert");
        shop.write(Vec::new(), &(0..6_000).step_by(9).collect::<Vec<u32>>());
        recall_of(&shop, "delete");
        shop.index.seal();
        work(&shop.index);
        assert_eq!(shop.index.view().segment_counts().len(), 1);
        recall_of(&shop, "merge");
        shop.reopen();
        recall_of(&shop, "reopen");
        assert_eq!(shop.caught_up, CaughtUp::default());
    }
}
