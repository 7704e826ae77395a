//! Freezing, merging and writing beside one another.

use std::time::Duration;

use tempfile::tempdir;

use super::*;
use crate::policy::Task;

/// Calls `act` the first time.
fn once(act: impl Fn() + Sync) -> impl Fn(usize, usize) + Sync {
    let first = AtomicBool::new(true);
    move |_, _| {
        if first.swap(false, Ordering::Relaxed) {
            act();
        }
    }
}

#[test]
fn a_freeze_goes_on_beside_a_merge() {
    let mut random = Random(91);
    let folder = tempdir().unwrap();
    let open = || VectorIndex::open(folder.path(), dim(8), Metric::Euclid).unwrap().index;
    let (index, mut model) = (open(), Model::new());
    for first in [0, 1_000] {
        fill(&index, &mut model, (first..first + 1_000).map(|slot| (slot, random.vector(8))));
        index.seal();
        let built = work_on(&index, Task::Freeze, &|_, _| ());
        assert_eq!(built, Built::Published(1_000));
    }
    fill(&index, &mut model, (1_900..2_500).map(|slot| (slot, random.vector(8))));
    index.seal();
    let freeze_beside = || {
        assert_eq!(work_on(&index, Task::Merge, &|_, _| ()), Built::Busy);
        assert_eq!(work_on(&index, Task::Freeze, &|_, _| ()), Built::Published(600));
        assert_eq!(index.progress().map(|progress| progress.1), Some(1_900));
    };
    assert_eq!(work_on(&index, Task::Merge, &once(freeze_beside)), Built::Published(1_900));
    let counts = index.view().segment_counts();
    assert!(counts.len() == 2 && counts.iter().all(|one| one.frozen), "{counts:?}");
    assert_eq!(index.progress(), None);
    let query = random.vector(8);
    let truth = naive(&model, Metric::Euclid, &query, None);
    assert_eq!(index.view().search_exact(&query, k(5_000), None).hits, truth);
    index.checkpoint().unwrap();
    drop(index);
    let view = open().view();
    assert_eq!(view.search_exact(&query, k(5_000), None).hits, truth);
    assert_eq!(view.search_graph(&query, k(5_000), ef(5_000), None).unwrap().hits, truth);
}

#[test]
fn writes_wait_for_a_freeze_that_goes_on_while_too_much_would_be_scanned() {
    let long = dim(16_384);
    let index = VectorIndex::new(long, Metric::Dot);
    let mut random = Random(92);
    let row = random.vector(long.get());
    for slot in 0..1_024 {
        index.apply(&[(Slot(slot), row.as_slice())], &[]).unwrap();
    }
    // Nothing goes on, so there is nothing to wait for.
    index.wait_for_freeze();
    let came_back = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let write = || {
            index.wait_for_freeze();
            came_back.store(true, Ordering::Relaxed);
        };
        let beside = once(|| {
            scope.spawn(write);
            std::thread::sleep(Duration::from_millis(30));
            assert!(!came_back.load(Ordering::Relaxed));
        });
        assert!(matches!(work_on(&index, Task::Freeze, &beside), Built::Published(_)));
    });
    assert!(came_back.load(Ordering::Relaxed));
}

fn work_on(index: &VectorIndex, task: Task, progress: &(dyn Fn(usize, usize) + Sync)) -> Built {
    let options = GraphOptions { threads: 1, ..GraphOptions::default() };
    index.work_on(task, &options, &Cancel::new(), progress).unwrap()
}
