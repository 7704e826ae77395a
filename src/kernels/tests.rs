//! Every instruction set against the reference, and the reference against double precision.

use proptest::prelude::*;

use super::*;

type Sum = fn(&Kernels, &[f32], &[f32]) -> f32;
type Exact = fn(f64, f64) -> f64;

const SUMS: [(&str, Sum, Exact); 3] = [
    ("dot", Kernels::dot, |x, y| x * y),
    ("l2", Kernels::l2_squared, |x, y| (x - y) * (x - y)),
    ("l1", Kernels::l1, |x, y| (x - y).abs()),
];

const DISTANCES: [Distance; 4] =
    [Distance::OneMinusDot, Distance::MinusDot, Distance::L2Squared, Distance::L1];

/// Seeded numbers from -1 to 1 (SplitMix64).
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || split_mix(&mut state) >> 40;
    (0..count).map(|_| next() as f32 / (1 << 23) as f32 - 1.0).collect()
}

pub(crate) fn available() -> Vec<Kernels> {
    Isa::ALL.into_iter().filter_map(Kernels::of).collect()
}

/// The error of a sum is relative to the sum of its terms' sizes.
fn close(got: f32, a: &[f32], b: &[f32], exact: Exact) -> bool {
    let terms = || a.iter().zip(b).map(|(&x, &y)| exact(f64::from(x), f64::from(y)));
    let size: f64 = terms().map(f64::abs).sum();
    (f64::from(got) - terms().sum::<f64>()).abs() <= 1e-6 * size + 1e-30
}

#[test]
fn every_isa_equals_double_precision_at_every_length() {
    let pool = numbers(7, 2 * 1100 + 3);
    for len in 1..=1100 {
        // Starts 1 and 1 + len + 1: neither is aligned, and they differ in alignment.
        let (a, b) = (&pool[1..=len], &pool[len + 2..2 * len + 2]);
        for kernels in available() {
            for (name, sum, exact) in SUMS {
                let got = sum(&kernels, a, b);
                assert!(close(got, a, b, exact), "{name} {:?} at {len}: {got}", kernels.isa());
            }
        }
    }
}

#[test]
fn four_rows_equal_one_row_to_the_bit() {
    let pool = numbers(8, 5 * 1100 + 1);
    for len in 1..=1100 {
        let parts: Vec<&[f32]> = pool[1..=5 * len].chunks_exact(len).collect();
        let rows = [parts[1], parts[2], parts[3], parts[4]];
        for kernels in available() {
            for distance in DISTANCES {
                let scorer = Scorer::on(&kernels, distance);
                let fours = scorer.four(parts[0], rows).map(f32::to_bits);
                let ones = rows.map(|row| scorer.one(parts[0], row).to_bits());
                assert_eq!(fours, ones, "{distance:?} {:?} at {len}", kernels.isa());
            }
        }
    }
}

#[test]
fn the_widest_isa_is_taken() {
    assert_eq!(Kernels::best().isa(), Isa::detected());
    assert!(Kernels::of(Isa::Plain).is_some());
    assert_eq!(dot(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 32.0);
    assert_eq!(l2_squared(&[1.0, 2.0, 3.0], &[4.0, 6.0, 3.0]), 25.0);
    assert_eq!(l1(&[1.0, 2.0, 3.0], &[4.0, 6.0, 3.0]), 7.0);
}

#[test]
#[should_panic(expected = "different lengths")]
fn lengths_must_agree() {
    let _ = dot(&[1.0, 2.0], &[1.0]);
}

#[test]
fn a_zero_distance_has_one_sign() {
    let scorer = Scorer::new(Distance::MinusDot);
    assert_eq!(scorer.one(&[1.0], &[0.0]).to_bits(), scorer.one(&[-1.0], &[0.0]).to_bits());
}

#[test]
fn nan_is_last_and_ties_go_to_the_smaller_id() {
    let mut nearest = TopK::new(4);
    for (distance, id) in
        [(f32::NAN, 1), (2.0, 9), (-1.0, 5), (2.0, 3), (f32::INFINITY, 2), (-f32::NAN, 0)]
    {
        nearest.push(distance, id);
    }
    assert_eq!(nearest.into_sorted(), [(-1.0, 5), (2.0, 3), (2.0, 9), (f32::INFINITY, 2)]);
    let mut none = TopK::new(0);
    assert!(!none.push(1.0, 1) && none.is_empty() && none.into_sorted().is_empty());
}

#[test]
fn each_names_every_row_once() {
    let rows = numbers(9, 7 * 13);
    let scorer = Scorer::new(Distance::L2Squared);
    for count in 0..=13 {
        let mut seen = Vec::new();
        scorer.each(
            &rows[..7],
            count,
            |i| &rows[7 * i..7 * (i + 1)],
            |i, distance| {
                assert_eq!(distance, scorer.one(&rows[..7], &rows[7 * i..7 * (i + 1)]));
                seen.push(i);
            },
        );
        assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn normalise_is_idempotent_and_knows_zero() {
    let mut zero = [0.0; 5];
    assert!(!normalise(&mut zero));
    let mut huge = [3e38_f32, 3e38];
    assert!(normalise(&mut huge) && (huge[0] - 0.5_f32.sqrt()).abs() < 1e-6);
    let mut tiny = [1e-40_f32, 0.0];
    assert!(normalise(&mut tiny) && tiny[0] == 1.0);
    let mut not = [f32::INFINITY, 1.0];
    assert!(!normalise(&mut not));
    for len in 1..200 {
        let mut once = numbers(len as u64, len);
        normalise(&mut once);
        let mut twice = once.clone();
        normalise(&mut twice);
        assert_eq!(once, twice);
    }
    assert_eq!(first_non_finite(&[1.0, f32::NAN, f32::INFINITY]), Some(1));
    assert_eq!(first_non_finite(&[1.0, -0.0]), None);
}

proptest! {
    #[test]
    fn every_isa_equals_plain(
        pairs in prop::collection::vec((-1e3_f32..1e3, -1e3_f32..1e3), 1..1100),
        shift in 0_usize..16,
    ) {
        let shifted = |side: &dyn Fn(&(f32, f32)) -> f32| -> Vec<f32> {
            std::iter::repeat_n(0.0, shift).chain(pairs.iter().map(side)).collect()
        };
        let (a, b) = (shifted(&|pair| pair.0), shifted(&|pair| pair.1));
        for kernels in available() {
            for (name, sum, exact) in SUMS {
                let got = sum(&kernels, &a[shift..], &b[shift..]);
                let isa = kernels.isa();
                prop_assert!(close(got, &a[shift..], &b[shift..], exact), "{} {:?}", name, isa);
            }
        }
    }

    #[test]
    fn top_k_is_sorting_and_cutting(
        pushed in prop::collection::vec((-5_i8..5, any::<u16>()), 0..200),
        k in 0_usize..20,
        split in 0_usize..200,
    ) {
        let mut whole: Vec<(f32, u32)> =
            pushed.iter().map(|&(d, id)| (f32::from(d) / 2.0, u32::from(id))).collect();
        let (left, right) = whole.split_at(split.min(whole.len()));
        let keep = |part: &[(f32, u32)]| {
            let mut nearest = TopK::new(k);
            part.iter().for_each(|&(distance, id)| { nearest.push(distance, id); });
            nearest
        };
        let merged = keep(left).merge(keep(right)).into_sorted();
        whole.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        whole.truncate(k);
        prop_assert_eq!(merged, whole);
    }

    #[test]
    fn scan_is_a_loop_over_rows(
        dim in prop_oneof![1_usize..40, 3_070_usize..3_074],
        count in 0_usize..40,
        k in 1_usize..10,
        seed: u64,
        odd: bool,
    ) {
        let rows = numbers(seed, dim * count);
        let query = numbers(!seed, dim);
        let scorer = Scorer::new(Distance::L1);
        let id = |number: usize| (!odd || number % 2 == 1).then_some(number as u32);
        let mut nearest = TopK::new(k);
        scan(&scorer, &query, &rows, id, &mut nearest);
        let mut naive = TopK::new(k);
        for (number, row) in rows.chunks_exact(dim).enumerate() {
            if let Some(id) = id(number) {
                naive.push(scorer.one(&query, row), id);
            }
        }
        prop_assert_eq!(nearest.into_sorted(), naive.into_sorted());
    }
}
