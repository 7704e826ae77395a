//! Planned search against a loop: every route, over mutable, sealed and frozen segments.

use super::*;

const DIM: usize = 96;
const POINTS: u32 = 9_000;

/// Rows with a large common part, as embeddings of one kind of picture have: codes about zero would
/// tell them apart badly.
fn alike(random: &mut Random, count: usize) -> Vec<Vec<f32>> {
    let common = random.vector(DIM);
    let add = |row: Vec<f32>| row.iter().zip(&common).map(|(x, c)| x + 6.0 * c).collect();
    random.clustered(count, DIM).into_iter().map(add).collect()
}

/// 3,000 rows frozen, 3,000 sealed, 3,000 mutable, with deletes and updates in all of them.
fn in_three_segments(metric: Metric) -> (VectorIndex, Model, Vec<Vec<f32>>) {
    let mut random = Random(17);
    let (index, mut model) = (VectorIndex::new(dim(DIM), metric), Model::new());
    let mut rows = alike(&mut random, POINTS as usize + 640);
    let queries = rows.split_off(rows.len() - 40);
    let updates = rows.split_off(POINTS as usize);
    let mut rows = (0..).zip(rows);
    fill(&index, &mut model, rows.by_ref().take(3_000));
    freeze(&index);
    fill(&index, &mut model, rows.by_ref().take(3_000));
    index.seal();
    fill(&index, &mut model, rows);
    let changed = (0..600).map(|_| random.below(POINTS.into()) as u32);
    fill(&index, &mut model, changed.zip(updates));
    let gone: Vec<Slot> = (0..POINTS).step_by(11).map(Slot).collect();
    index.apply(&[], &gone).unwrap();
    gone.iter().for_each(|slot| drop(model.remove(&slot.0)));
    (index, model, queries)
}

#[test]
fn planned_search_finds_what_a_loop_finds() {
    for metric in Metric::ALL {
        let (index, model, queries) = in_three_segments(metric);
        let view = index.view();
        let mut random = Random(5);
        let mut most_estimated = 0;
        for part in [1, 2, 10, 50, 500] {
            let allowed: SlotSet =
                (0..POINTS).filter(|_| random.below(part) == 0).map(Slot).collect();
            let allowed = (part > 1).then_some(&allowed);
            let mut right = 0.0;
            for query in &queries {
                let truth = naive(&model, metric, query, allowed);
                let found = view.search(&prepare_query(metric, query), k(10), ef(64), allowed);
                assert_eq!(found.hits.len(), 10.min(truth.len()), "{metric} 1/{part}");
                // What is found has the distance that a loop gives it, to the bit.
                assert!(found.hits.iter().all(|hit| truth.contains(hit)), "{metric} 1/{part}");
                right += recall(&found, &truth, 10);
                most_estimated = most_estimated.max(found.estimated);
            }
            let recall = right / queries.len() as f64;
            assert!(recall >= 0.98, "{metric} 1/{part}: {recall}");
        }
        // There are no codes for Manhattan.
        assert_eq!(most_estimated >= 6_000, metric != Metric::Manhattan, "{metric}");
    }
}

#[test]
fn codes_of_rows_that_are_all_alike_are_looked_at_again() {
    // All rows at one place: no estimate can tell them apart, so all are compared; ties by slot.
    let (index, mut model) = (VectorIndex::new(dim(DIM), Metric::Euclid), Model::new());
    let row = Random(1).vector(DIM);
    fill(&index, &mut model, (0..4_000).map(|slot| (slot, row.clone())));
    let found = index.view().search(&row, k(10), ef(64), None);
    assert!(found.hits.iter().map(|hit| hit.0.0).eq(0..10), "{found:?}");
}

#[test]
fn a_filter_among_long_and_short_rows_is_not_walked() {
    let mut random = Random(8);
    let (index, mut model) = (VectorIndex::new(dim(DIM), Metric::Dot), Model::new());
    let rows = alike(&mut random, 5_040);
    // Lengths over two powers of ten.
    let stretched = |(at, row): (usize, &Vec<f32>)| {
        let size = 10_f32.powf((at % 100) as f32 / 50.0);
        row.iter().map(|x| x * size).collect::<Vec<f32>>()
    };
    fill(&index, &mut model, (0..).zip(rows[40..].iter().enumerate().map(stretched)));
    freeze(&index);
    // Only short rows pass, which lie behind the long ones for every query.
    let short: SlotSet = (0..5_000).filter(|slot| slot % 100 < 50).map(Slot).collect();
    let mut right = 0.0;
    for query in &rows[..40] {
        let found = index.view().search(query, k(10), ef(64), Some(&short));
        assert_ne!(found.plan, Plan::Graph);
        right += recall(&found, &naive(&model, Metric::Dot, query, Some(&short)), 10);
    }
    assert!(right / 40.0 >= 0.98, "{}", right / 40.0);
}
