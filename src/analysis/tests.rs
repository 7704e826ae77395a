//! Retrieval against values by hand, against scikit-learn, SciPy and NumPy
//! (`tests/golden/retrieval.py`), and against what must hold of any data.

use proptest::prelude::*;
use serde_json::Value;
use vitrail_domain::{Metric, TopK};
use vitrail_kernels::normalise;

use super::*;

fn options(k: usize, seed: u64) -> RetrievalOptions {
    RetrievalOptions { k: TopK::new(k).expect("k"), seed, queries_max: 10_000 }
}

fn grouping(name: &str, of: Vec<Option<u32>>, excluded: bool) -> Grouping {
    Grouping { name: name.to_owned(), of, excluded, clustered: true }
}

fn close(got: f64, wanted: f64, what: &str) {
    assert!((got - wanted).abs() < 1e-10, "{what}: {got}, not {wanted}");
}

/// Points on a line at 0, 1, 2, 3.5, 10 with the labels a a b b a.
fn on_a_line<'a>(rows: &'a [[f32; 1]; 5], groupings: Vec<Grouping>) -> Labelled<'a> {
    Labelled {
        metric: Metric::Euclid,
        rows: rows.iter().map(<[f32; 1]>::as_slice).collect(),
        labels: vec![0, 0, 1, 1, 0],
        classes: vec!["a".to_owned(), "b".to_owned()],
        groupings,
    }
}

const LINE: [[f32; 1]; 5] = [[0.0], [1.0], [2.0], [3.5], [10.0]];

#[test]
fn values_by_hand() {
    // The two nearest of 0: 1a 2b; of 1: 0a 2b; of 2: 1a 3.5b; of 3.5: 2b 1a; of 10: 3.5b 2b.
    let report = retrieval(&on_a_line(&LINE, vec![]), options(2, 0)).expect("a report");
    close(report.precision.micro.mean, (0.5 + 0.5 + 0.5 + 0.5 + 0.0) / 5.0, "micro");
    close(report.precision.macro_mean.mean, (1.0 / 3.0 + 0.5) / 2.0, "macro");
    // By chance: 2 of 4 others share a's label, 1 of 4 b's; at best both, and one of two.
    close(report.random.micro.mean, (3.0 * 0.5 + 2.0 * 0.25) / 5.0, "random");
    close(report.attainable.micro.mean, (3.0 * 1.0 + 2.0 * 0.5) / 5.0, "attainable");
    let lines: Vec<_> = report.classes.iter().map(|line| (&*line.label, line.queries)).collect();
    assert_eq!(lines, [("a", 3), ("b", 2)]);
    assert_eq!((report.queries, report.clusters, report.without_match), (5, 5, 0));
}

#[test]
fn own_groups_are_left_out_and_missing_ones_are_not() {
    // 0 and 1 are one lesion: without it the two nearest of 0 are 2b 3.5b, of 1 2b 3.5b.
    let lesions = vec![Some(4), Some(4), None, None, None];
    let data = on_a_line(&LINE, vec![grouping("lesion", lesions.clone(), true)]);
    let report = retrieval(&data, options(2, 0)).expect("a report");
    close(report.precision.micro.mean, (0.0 + 0.0 + 0.5 + 0.5 + 0.0) / 5.0, "micro");
    assert_eq!(report.clusters, 4);
    // Known but not excluded, they still are one cluster.
    let data = on_a_line(&LINE, vec![grouping("lesion", lesions, false)]);
    let report = retrieval(&data, options(2, 0)).expect("a report");
    close(report.precision.micro.mean, 0.4, "micro");
    assert_eq!(report.clusters, 4);
}

#[test]
fn fewer_hits_than_k_are_judged_as_they_are_and_hopeless_queries_not_at_all() {
    let groups = vec![Some(1), Some(1), Some(1), Some(2), Some(1)];
    let data = on_a_line(&LINE, vec![grouping("slide", groups, true)]);
    let report = retrieval(&data, options(3, 0)).expect("a report");
    // 2b may find 3.5b alone, and 3.5b finds 2b 1a 0a; the others may find no a.
    close(report.precision.micro.mean, (1.0 + 1.0 / 3.0) / 2.0, "micro");
    close(report.attainable.micro.mean, (1.0 + 1.0 / 3.0) / 2.0, "attainable");
    close(report.random.micro.mean, (1.0 + 0.25) / 2.0, "random");
    assert_eq!((report.queries, report.without_match, report.clusters), (2, 3, 2));
    let data = on_a_line(&LINE, vec![grouping("slide", vec![Some(1); 5], true)]);
    let refused = retrieval(&data, options(3, 0)).expect_err("nobody");
    assert_eq!(refused, AnalysisError::NothingToFind { points: 5 });
}

#[test]
fn columns_that_do_not_belong_together_are_refused() {
    let mut data = on_a_line(&LINE, vec![grouping("slide", vec![None; 4], true)]);
    let refused = retrieval(&data, options(1, 0)).expect_err("a short column");
    assert_eq!(refused.to_string(), "slide: 4 where 5 were expected");
    data.groupings.clear();
    data.labels[2] = 2;
    assert!(retrieval(&data, options(1, 0)).is_err());
}

#[test]
fn a_sample_of_queries_is_seeded_and_searches_all_points() {
    let rows: Vec<[f32; 1]> = (0..200).map(|n| [n as f32]).collect();
    let data = Labelled {
        metric: Metric::Euclid,
        rows: rows.iter().map(<[f32; 1]>::as_slice).collect(),
        labels: (0..200).map(|n| u32::from(n >= 100)).collect(),
        classes: vec!["low".to_owned(), "high".to_owned()],
        groupings: vec![],
    };
    let sampled = |seed| {
        let options = RetrievalOptions { queries_max: 50, ..options(1, seed) };
        retrieval(&data, options).expect("a report")
    };
    let report = sampled(1);
    assert_eq!((report.points, report.queries), (200, 50));
    assert!(report.precision.micro.mean > 0.95, "{report:?}");
    assert_eq!(report, sampled(1));
    assert_ne!(report.classes, sampled(2).classes);
}

#[test]
fn random_vectors_reach_what_chance_expects_and_no_more() {
    let labels: Vec<u32> = (0..600).map(|n| u32::from(n % 4 == 0)).collect();
    let rows: Vec<[f32; 2]> =
        labels.iter().map(|&label| [1.0 - label as f32, label as f32]).collect();
    let data = Labelled {
        metric: Metric::Cosine,
        rows: rows.iter().map(<[f32; 2]>::as_slice).collect(),
        labels,
        classes: vec!["most".to_owned(), "some".to_owned()],
        groupings: vec![],
    };
    let report = retrieval(&data, options(5, 11)).expect("a report");
    close(report.precision.micro.mean, 1.0, "separated classes");
    close(report.random.micro.mean, (450.0 * 449.0 + 150.0 * 149.0) / (600.0 * 599.0), "chance");
    let other = retrieval(&data, options(5, 12)).expect("a report");
    assert_ne!(report.random_vectors.micro.mean, other.random_vectors.micro.mean, "seeded");
    let (low, high) = report.random_vectors.micro.interval.expect("an interval");
    let expected = report.random.micro.mean;
    assert!(low - 0.01 < expected && expected < high + 0.01, "{low} {expected} {high}");
}

/// The numbers of a golden list: micro, macro, then the classes; null for one without queries.
fn compare(got: &Summary, wanted: &Value, what: &str) {
    let both = [Some(got.micro), Some(got.macro_mean)];
    let got: Vec<_> = both.into_iter().chain(got.classes.iter().copied()).collect();
    let wanted = wanted.as_array().expect("a list");
    assert_eq!(got.len(), wanted.len());
    for (number, (got, wanted)) in got.into_iter().zip(wanted).enumerate() {
        assert_eq!(got.is_none(), wanted.is_null(), "{what} {number}");
        let Some(got) = got else { continue };
        let of = |key: &str| wanted[key].as_f64().expect("a number");
        let (low, high) = got.interval.expect("an interval");
        close(got.mean, of("mean"), &format!("{what} {number} mean"));
        close(low, of("low"), &format!("{what} {number} low"));
        close(high, of("high"), &format!("{what} {number} high"));
    }
}

#[test]
fn scikit_learn_scipy_and_numpy_agree() {
    let golden: Value =
        serde_json::from_str(include_str!("../../tests/golden/retrieval.json")).expect("golden");
    let list = |key: &str| golden[key].as_array().expect("a list").clone();
    let rows: Vec<Vec<f32>> = list("vectors")
        .iter()
        .map(|row| {
            let numbers = row.as_array().expect("a row").iter();
            let mut row: Vec<f32> =
                numbers.map(|number| number.as_f64().expect("a number") as f32).collect();
            normalise(&mut row);
            row
        })
        .collect();
    let whole = |value: &Value| value.as_u64().map(|number| number as u32);
    let classes = golden["classes"].as_u64().expect("a count");
    for case in list("cases") {
        let excluded = case["excluded"].as_array().expect("a list").clone();
        let groupings = ["lesion", "patient"].map(|name| {
            let of = list(name).iter().map(whole).collect();
            grouping(name, of, excluded.contains(&name.into()))
        });
        let data = Labelled {
            metric: Metric::Cosine,
            rows: rows.iter().map(Vec::as_slice).collect(),
            labels: list("labels").iter().filter_map(whole).collect(),
            classes: (0..classes).map(|class| class.to_string()).collect(),
            groupings: groupings.into(),
        };
        let k = case["k"].as_u64().expect("k") as usize;
        let seed = golden["draw_seed"].as_u64().expect("a seed");
        let report = retrieval(&data, options(k, seed)).expect("a report");
        assert_eq!(report.queries as u64, case["queries"].as_u64().expect("a count"));
        assert_eq!(report.clusters as u64, case["clusters"].as_u64().expect("a count"));
        compare(&report.precision, &case["precision"], &format!("k {k} precision"));
        compare(&report.random, &case["random"], &format!("k {k} random"));
        compare(&report.attainable, &case["attainable"], &format!("k {k} attainable"));
    }
}

proptest! {
    #[test]
    fn measures_stay_in_their_bounds_and_nobody_meets_his_own(
        points in prop::collection::vec((0u32..3, prop::option::of(0u32..4), -9i8..9), 2..40),
        k in 1usize..6,
    ) {
        let rows: Vec<[f32; 1]> = points.iter().map(|point| [f32::from(point.2)]).collect();
        let data = Labelled {
            metric: Metric::Manhattan,
            rows: rows.iter().map(<[f32; 1]>::as_slice).collect(),
            labels: points.iter().map(|point| point.0).collect(),
            classes: ["a", "b", "c"].map(str::to_owned).into(),
            groupings: vec![grouping("g", points.iter().map(|point| point.1).collect(), true)],
        };
        let queries: Vec<usize> = (0..points.len()).collect();
        for found in neighbours::neighbours(&data, &queries, k) {
            prop_assert_eq!(found.hits.len(), k.min(found.pool));
            let own = points[found.query].1;
            for hit in found.hits {
                prop_assert!(hit != found.query && (own.is_none() || points[hit].1 != own));
            }
        }
        if let Ok(report) = retrieval(&data, options(k, 0)) {
            let (got, best) = (report.precision.micro.mean, report.attainable.micro.mean);
            prop_assert!((0.0..=1.0).contains(&got) && got <= best + 1e-12);
            prop_assert_eq!(report.queries + report.without_match, points.len());
        }
    }
}
