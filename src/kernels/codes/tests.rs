//! Codes: every instruction set against the reference to the bit, and the reference against double
//! precision.

use proptest::prelude::*;

use crate::tests::{available, numbers};
use crate::*;

const DISTANCES: [Distance; 3] = [Distance::OneMinusDot, Distance::MinusDot, Distance::L2Squared];

/// Numbers near normal, of length near 1, as trained embeddings are.
fn embedding(seed: u64, dim: usize) -> Vec<f32> {
    let parts: Vec<Vec<f32>> = (0..6).map(|part| numbers(seed * 6 + part, dim)).collect();
    let mut sum: Vec<f32> = (0..dim).map(|at| parts.iter().map(|part| part[at]).sum()).collect();
    normalise(&mut sum);
    sum
}

fn exact(distance: Distance, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let dot: f64 = pairs().map(|(x, y)| x * y).sum();
    match distance {
        Distance::OneMinusDot => 1.0 - dot,
        Distance::MinusDot => -dot,
        _ => pairs().map(|(x, y)| (x - y) * (x - y)).sum(),
    }
}

fn sq8_rows(kernels: &Kernels, dim: usize, vectors: &[Vec<f32>]) -> Lines {
    let mut rows = Lines::zeroed(vectors.len() * sq8::stride(dim));
    for (out, vector) in rows.bytes_mut().chunks_exact_mut(sq8::stride(dim)).zip(vectors) {
        kernels.encode_sq8(vector, out);
    }
    rows
}

/// Vectors whose components lie at both ends of what is allowed, zeros, and single spikes.
fn extremes(dim: usize) -> Vec<Vec<f32>> {
    let mut vectors: Vec<Vec<f32>> =
        [0.0, 1e15, -1e15, 1e-30, 1e-38, 1e-45, -0.0].map(|value| vec![value; dim]).into();
    for value in [1.0, -1e15, 1e-44] {
        let mut spike = vec![0.0; dim];
        spike[dim - 1] = value;
        vectors.push(spike);
    }
    let alternating = |place: usize| if place.is_multiple_of(2) { 127.0 } else { -127.0 };
    vectors.push((0..dim).map(alternating).collect());
    vectors
}

fn some_dims() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 2_usize..=2_000, 1 => Just(6_144_usize), 2 => 2_usize..70]
}

/// Distances of the first vector to all, by rows of bytes.
fn by_sq8(kernels: Kernels, dim: usize, vectors: &[Vec<f32>], distance: Distance) -> Vec<f32> {
    let rows = sq8_rows(&kernels, dim, vectors);
    let codes = Sq8Ref::on(kernels, rows.bytes(), dim, distance).unwrap();
    let ids: Vec<u32> = (0..codes.len() as u32).rev().collect();
    let mut out = vec![0.0; ids.len()];
    codes.distances(codes.row(0), &ids, &mut out);
    out
}

fn by_bits(kernels: Kernels, dim: usize, vectors: &[Vec<f32>], distance: Distance) -> Vec<f32> {
    let coder = BitCoder::new(vectors[vectors.len() / 2].clone(), 3, distance).unwrap();
    let (rows, query) = bit_rows(&coder, vectors);
    let codes = BitsRef::on(kernels, rows.bytes(), dim).unwrap();
    let ids: Vec<u32> = (0..vectors.len() as u32).rev().collect();
    let mut out = vec![0.0; ids.len()];
    codes.distances(&query, &ids, &mut out);
    out
}

/// Rows of all vectors (whole lines more at the end are cut), the query of the first.
fn bit_rows(coder: &BitCoder, vectors: &[Vec<f32>]) -> (Cut, BitQuery) {
    let stride = bits::stride(coder.dim());
    let mut rows = Lines::zeroed(vectors.len() * stride);
    let mut scratch = Vec::new();
    for (out, vector) in rows.bytes_mut().chunks_exact_mut(stride).zip(vectors) {
        coder.encode(vector, &mut scratch, out);
    }
    let mut query = BitQuery::default();
    coder.encode_query(&vectors[0], &mut query);
    (Cut(rows, vectors.len() * stride), query)
}

struct Cut(Lines, usize);

impl Cut {
    fn bytes(&self) -> &[u8] {
        &self.0.bytes()[..self.1]
    }
}

#[test]
fn extreme_values_encode_and_score_alike_everywhere() {
    for dim in [2, 3, 31, 64, 65, 384, 1_000, 6_144] {
        let mut vectors = extremes(dim);
        vectors.push(numbers(1, dim));
        for first in 0..vectors.len() {
            vectors.rotate_left(first);
            for distance in DISTANCES {
                let plain = available()[0];
                let (sq8, bits) = (
                    by_sq8(plain, dim, &vectors, distance),
                    by_bits(plain, dim, &vectors, distance),
                );
                assert!(sq8.iter().all(|value| !value.is_nan()), "{dim} {distance:?} {sq8:?}");
                for kernels in available() {
                    let same = |a: &[f32], b: &[f32]| {
                        a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
                    };
                    assert!(same(&sq8, &by_sq8(kernels, dim, &vectors, distance)));
                    assert!(same(&bits, &by_bits(kernels, dim, &vectors, distance)));
                }
            }
        }
    }
}

#[test]
fn rows_of_zeros_and_single_spikes_are_exact() {
    let mut row = vec![9; sq8::stride(3)];
    sq8::encode(&[0.0, 0.0, 0.0], &mut row);
    assert!(row[..64].iter().all(|&code| code == 128) && row[64..].iter().all(|&b| b == 0));
    sq8::encode(&[0.0, -8.0, 0.0], &mut row);
    assert_eq!((row[1], sq8::sum(&row)), (1, -127));
    assert_eq!((sq8::scale(&row), sq8::squared_length(&row)), (8.0 / 127.0, 64.0));
}

#[test]
fn rows_of_bytes_stay_near_the_true_distance() {
    for dim in [2, 96, 384, 1_536, 6_144] {
        let vectors: Vec<Vec<f32>> = (0..40).map(|seed| embedding(seed, dim)).collect();
        for distance in DISTANCES {
            let mut got = by_sq8(Kernels::best(), dim, &vectors, distance);
            got.reverse();
            for (got, vector) in got.into_iter().zip(&vectors) {
                let error = f64::from(got) - exact(distance, &vectors[0], vector);
                // The step is at most 1/127 of the largest component, errors add like a root.
                assert!(error.abs() < 0.02, "{distance:?} {dim}: {error}");
            }
        }
    }
}

#[test]
fn rows_of_bits_estimate_without_bias() {
    for dim in [96, 384, 1_536, 3_000] {
        let mut vectors: Vec<Vec<f32>> = (0..400).map(|seed| embedding(seed, dim)).collect();
        // A common part, as embeddings have, and rows near the query.
        let common = embedding(999, dim);
        let near = embedding(1_000, dim);
        for (number, vector) in vectors.iter_mut().enumerate() {
            let share = number as f32 / 400.0;
            for at in 0..dim {
                vector[at] = 0.5 * vector[at] + common[at] + share * near[at];
            }
            normalise(vector);
        }
        vectors[0] = near.clone();
        for distance in DISTANCES {
            let scale = if distance == Distance::L2Squared { 2.0 } else { 1.0 };
            let root = (dim as f64).sqrt() / scale;
            // Rows that share a direction share their error under one rotation: the estimate is
            // free of bias over rotations.
            let errors: Vec<f64> = (0..12)
                .flat_map(|seed| bit_errors(&vectors, common.clone(), seed, distance))
                .collect();
            let count = errors.len() as f64;
            let mean = errors.iter().sum::<f64>() / count;
            let spread = (errors.iter().map(|error| error * error).sum::<f64>() / count).sqrt();
            assert!(spread < 0.7 / root, "{distance:?} {dim}: spread {}", spread * root);
            assert!(mean.abs() < 0.2 / root, "{distance:?} {dim}: mean {}", mean * root);
        }
    }
}

/// What the estimates of the first vector's distances to the others are off by.
fn bit_errors(vectors: &[Vec<f32>], mean: Vec<f32>, seed: u64, distance: Distance) -> Vec<f64> {
    let dim = mean.len();
    let coder = BitCoder::new(mean, seed, distance).unwrap();
    let (rows, query) = bit_rows(&coder, vectors);
    let codes = BitsRef::new(rows.bytes(), dim).unwrap();
    let ids: Vec<u32> = (1..vectors.len() as u32).collect();
    let mut got = vec![0.0; ids.len()];
    codes.distances(&query, &ids, &mut got);
    got.iter()
        .zip(&vectors[1..])
        .map(|(&got, vector)| f64::from(got) - exact(distance, &vectors[0], vector))
        .collect()
}

#[test]
fn rotation_keeps_lengths_and_spreads_spikes() {
    for dim in [1, 2, 3, 7, 16, 17, 100, 384, 513, 1_000, 1_023, 2_048, 4_095, 6_144] {
        let rotation = Rotation::new(dim, 5);
        for spike in [0, dim / 2, dim - 1] {
            let mut vector = vec![0.0; dim];
            vector[spike] = 1.0;
            rotation.apply(&mut vector);
            let square: f32 = vector.iter().map(|value| value * value).sum();
            assert!((square - 1.0).abs() < 1e-4, "{dim}: {square}");
            let largest = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            if dim >= 100 {
                assert!(largest < 8.0 / (dim as f32).sqrt(), "{dim} {spike}: {largest}");
            }
        }
        let mut other = numbers(3, dim);
        let before: f32 = other.iter().map(|value| value * value).sum();
        rotation.apply(&mut other);
        let after: f32 = other.iter().map(|value| value * value).sum();
        assert!((after / before - 1.0).abs() < 1e-4, "{dim}");
    }
}

#[test]
fn halves_round_to_the_nearest() {
    for half in 0..=u16::MAX {
        let value = half_to_f32(half);
        let back = f32_to_half(value);
        assert!(back == half || (value.is_nan() && half_to_f32(back).is_nan()), "{half:04x}");
        // Between two neighbours, the middle goes to the even one.
        if half & 0x7FFF < 0x7BFF {
            let middle = f32::midpoint(value, half_to_f32(half + 1));
            assert_eq!(f32_to_half(middle), half + (half & 1), "{half:04x}");
        }
    }
    let known = [(1.0, 0x3C00), (-2.0, 0xC000), (65_504.0, 0x7BFF), (65_519.0, 0x7BFF)];
    assert!(known.iter().all(|&(value, half)| f32_to_half(value) == half));
    assert_eq!([65_520.0, f32::INFINITY, -1e30].map(f32_to_half), [0x7C00, 0x7C00, 0xFC00]);
    let mut row = [0; 2];
    encode_halves(&[0.1, 0.0], &mut row);
    assert_eq!(row, [0x2E66, 0]);
}

#[test]
fn a_scan_of_bits_with_rerank_finds_what_exact_search_finds() {
    let dim = 256;
    let vectors: Vec<Vec<f32>> = (0..3_000).map(|seed| embedding(seed, dim)).collect();
    let coder = BitCoder::new(vec![0.0; dim], 1, Distance::OneMinusDot).unwrap();
    let (rows, query) = bit_rows(&coder, &vectors);
    let codes = BitsRef::new(rows.bytes(), dim).unwrap();
    let scorer = Scorer::new(Distance::OneMinusDot);
    let exact = |ids: &[u32], out: &mut [f32]| {
        let row = |at: usize| vectors[ids[at] as usize].as_slice();
        scorer.each(&vectors[0], ids.len(), row, |at, distance| out[at] = distance);
    };
    let odd = || (0..3_000).filter(|id| id % 2 == 1 || *id == 0);
    let mut truth = TopK::new(10);
    scan_ids(exact, odd(), |_| true, &mut truth);
    let truth = truth.into_sorted();
    assert_eq!((truth.len(), truth[0].1), (10, 0));
    let rough = |ids: &[u32], out: &mut [f32]| codes.distances(&query, ids, out);
    let mut all = TopK::new(10);
    scan_then_rerank(rough, exact, odd(), 1_501, &mut all);
    assert_eq!(all.into_sorted(), truth);
    let mut some = TopK::new(10);
    scan_then_rerank(rough, exact, odd(), 200, &mut some);
    let some = some.into_sorted();
    let found = some.iter().filter(|hit| truth.contains(hit)).count();
    assert!((7..=10).contains(&found), "{found}");
    let mut none = TopK::new(0);
    scan_ids(exact, odd(), |_| true, &mut none);
    assert!(none.is_empty());
}

#[test]
#[should_panic(expected = "out of range")]
fn a_row_that_is_not_there_is_refused() {
    let rows = Lines::zeroed(sq8::stride(5));
    let codes = Sq8Ref::new(rows.bytes(), 5, Distance::MinusDot).unwrap();
    codes.distances(codes.row(0), &[0, 1], &mut [0.0; 2]);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let rows = Lines::zeroed(3 * 64);
    assert!(Sq8Ref::new(rows.bytes(), 5, Distance::MinusDot).is_none());
    assert!(Sq8Ref::new(&rows.bytes()[64..], 5, Distance::L1).is_none());
    assert!(BitsRef::new(&rows.bytes()[1..], 5).is_none());
    assert!(BitCoder::new(vec![0.0; 3], 1, Distance::L1).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn codes_are_the_same_on_every_isa(
        dim in some_dims(),
        seed in any::<u32>(),
        count in 1_usize..10,
        size in prop_oneof![Just(1.0_f32), Just(1e15), Just(1e-30), 0.1_f32..100.0],
    ) {
        let vectors: Vec<Vec<f32>> = (0..count as u64)
            .map(|row| {
                let numbers = numbers(u64::from(seed) + row, dim);
                numbers.iter().map(|value| value * size).collect()
            })
            .collect();
        let plain = Kernels::of(Isa::Plain).unwrap();
        for kernels in available() {
            let rows = sq8_rows(&kernels, dim, &vectors);
            let reference = sq8_rows(&plain, dim, &vectors);
            prop_assert_eq!(rows.bytes(), reference.bytes());
            let rotation = Rotation::new(dim, u64::from(seed));
            let (mut here, mut there) = (vectors[0].clone(), vectors[0].clone());
            rotation.apply_on(&kernels, &mut here);
            rotation.apply_on(&plain, &mut there);
            prop_assert_eq!(here, there);
            for distance in DISTANCES {
                prop_assert_eq!(
                    by_sq8(kernels, dim, &vectors, distance),
                    by_sq8(plain, dim, &vectors, distance)
                );
                prop_assert_eq!(
                    by_bits(kernels, dim, &vectors, distance),
                    by_bits(plain, dim, &vectors, distance)
                );
            }
        }
    }

    #[test]
    fn halves_score_as_their_floats_do(dim in some_dims(), seed in any::<u32>()) {
        let vectors: Vec<Vec<f32>> =
            (0..5).map(|row| numbers(u64::from(seed) + row, dim)).collect();
        let mut halves = vec![vec![0; dim]; 4];
        halves.iter_mut().zip(&vectors[1..]).for_each(|(out, row)| encode_halves(row, out));
        let wide: Vec<Vec<f32>> =
            halves.iter().map(|row| row.iter().map(|&half| half_to_f32(half)).collect()).collect();
        for kernels in available() {
            for distance in DISTANCES.into_iter().chain([Distance::L1]) {
                let (of_half, of_float) =
                    (Scorer::<u16>::of(&kernels, distance), Scorer::on(&kernels, distance));
                let rows = [&halves[0][..], &halves[1], &halves[2], &halves[3]];
                let fours = of_half.four(&vectors[0], rows);
                for row in 0..4 {
                    let float = of_float.one(&vectors[0], &wide[row]);
                    prop_assert_eq!(of_half.one(&vectors[0], rows[row]).to_bits(), float.to_bits());
                    prop_assert_eq!(fours[row].to_bits(), float.to_bits());
                }
            }
        }
    }
}
