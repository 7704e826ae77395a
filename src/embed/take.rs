//! From a graph's output to one vector a picture.

use crate::manifest::Output;
use crate::runtime::RawOutput;
use crate::vocabulary::Take;

/// The first `pictures` rows of `raw` as vectors of `output.dim` components.
///
/// # Errors
/// A shape that the manifest does not announce, or a component that is not finite, in words.
pub(crate) fn vectors(
    raw: &RawOutput,
    output: &Output,
    pictures: usize,
) -> Result<Vec<Vec<f32>>, String> {
    let batch = raw.shape.first().copied().unwrap_or(0);
    let per = raw.data.len().checked_div(batch).unwrap_or(0);
    let inner = raw.shape.get(1..).unwrap_or(&[]);
    if batch < pictures || per == 0 {
        return Err(format!("output {} has shape {:?}", output.name, raw.shape));
    }
    if !output.shape.is_empty() && inner != output.shape {
        let (name, said) = (&output.name, &output.shape);
        return Err(format!("output {name} has shape {inner:?} a picture, the manifest says {said:?}"));
    }
    raw.data.chunks_exact(per).take(pictures).map(|row| vector(row, inner, output)).collect()
}

fn vector(row: &[f32], shape: &[usize], output: &Output) -> Result<Vec<f32>, String> {
    let wrong = || {
        let (name, take) = (&output.name, output.take.word());
        format!("output {name} has shape {shape:?} a picture: take {take}, dim {}", output.dim)
    };
    let vector = match (output.take, shape) {
        (Take::Vector | Take::Pooler | Take::Flatten, _) => row.to_vec(),
        (Take::MultiVector, &[.., rows, dim]) if (rows, dim) == (output.n, output.dim) => {
            row.to_vec()
        }
        (Take::Cls, &[_, dim]) => row.get(..dim).unwrap_or(&[]).to_vec(),
        (Take::MeanPatch, &[tokens, dim]) if tokens > output.prefix_tokens => {
            patch_mean(row, dim, output.prefix_tokens)
        }
        (Take::ClsConcatMeanPatch, &[tokens, dim]) if tokens > output.prefix_tokens => {
            let class = row.get(..dim).unwrap_or(&[]).iter().copied();
            class.chain(patch_mean(row, dim, output.prefix_tokens)).collect()
        }
        (Take::GapNhwc, &[_, _, dim]) => patch_mean(row, dim, 0),
        (Take::GapNchw, &[_, height, width]) => {
            row.chunks_exact(height * width).map(|plane| mean(plane.iter())).collect()
        }
        _ => return Err(wrong()),
    };
    if vector.len() != output.values() {
        return Err(wrong());
    }
    match vector.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(format!("output {}: component {at} is not finite", output.name)),
        None => Ok(vector),
    }
}

/// The mean of the rows of `dim` values after the first `skip` rows.
fn patch_mean(row: &[f32], dim: usize, skip: usize) -> Vec<f32> {
    let patches = row.get(skip * dim..).unwrap_or(&[]);
    (0..dim).map(|column| mean(patches.iter().skip(column).step_by(dim))).collect()
}

fn mean<'a>(values: impl Iterator<Item = &'a f32>) -> f32 {
    let (sum, count) =
        values.fold((0.0, 0_u32), |(sum, count), &value| (sum + f64::from(value), count + 1));
    (sum / f64::from(count.max(1))) as f32
}

/// The mean of each picture's vectors, `views` of them one after another.
pub(crate) fn mean_of_views(all: Vec<Vec<f32>>, views: usize) -> Vec<Vec<f32>> {
    if views == 1 {
        return all;
    }
    let of = |views: &[Vec<f32>]| {
        let dim = views.first().map_or(0, Vec::len);
        (0..dim).map(|at| mean(views.iter().filter_map(|view| view.get(at)))).collect()
    };
    all.chunks(views).map(of).collect()
}

/// Subtracts the mean vector and scales to length 1, each row of `dim` components for itself.
pub(crate) fn finish(values: &mut [f32], dim: usize, center: Option<&[f32]>, unit: bool) {
    for row in values.chunks_mut(dim.max(1)) {
        for (value, mean) in row.iter_mut().zip(center.unwrap_or(&[])) {
            *value -= mean;
        }
        if unit {
            l2_normalize(row);
        }
    }
}

/// Scales to length 1; a zero vector stays as it is.
pub(crate) fn l2_normalize(vector: &mut [f32]) {
    let length = norm(vector);
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

/// The Euclidean length, summed in doubles.
pub(crate) fn norm(vector: &[f32]) -> f64 {
    vector.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::OutputRole;

    fn output(take: Take, prefix_tokens: usize, dim: usize) -> Output {
        Output {
            name: "out".to_owned(),
            role: OutputRole::Image,
            take,
            prefix_tokens,
            dim,
            n: 1,
            shape: Vec::new(),
            default_for: None,
        }
    }

    fn take(shape: &[usize], output: &Output) -> Result<Vec<Vec<f32>>, String> {
        let len: usize = shape.iter().product();
        let data = (0..u16::try_from(len).unwrap()).map(f32::from).collect();
        vectors(&RawOutput { shape: shape.to_vec(), data }, output, 1)
    }

    #[test]
    fn every_rule_on_a_small_tensor() {
        // tokens (0,1) (2,3) (4,5) (6,7); two registers in the last but one case
        let cases: [(Take, usize, usize, &[usize], &[f32]); 7] = [
            (Take::Vector, 1, 3, &[2, 3], &[0., 1., 2.]),
            (Take::Cls, 1, 2, &[1, 4, 2], &[0., 1.]),
            (Take::MeanPatch, 1, 2, &[1, 4, 2], &[4., 5.]),
            (Take::ClsConcatMeanPatch, 1, 4, &[1, 4, 2], &[0., 1., 4., 5.]),
            (Take::ClsConcatMeanPatch, 3, 4, &[1, 4, 2], &[0., 1., 6., 7.]),
            (Take::GapNchw, 1, 2, &[1, 2, 2, 2], &[1.5, 5.5]),
            (Take::GapNhwc, 1, 2, &[1, 2, 2, 2], &[3., 4.]),
        ];
        for (rule, prefix, dim, shape, expected) in cases {
            assert_eq!(take(shape, &output(rule, prefix, dim)).unwrap(), [expected], "{rule:?}");
        }
    }

    #[test]
    fn many_rows_stay_in_their_order_and_are_finished_each() {
        let many = Output { n: 2, ..output(Take::MultiVector, 1, 3) };
        let mut rows = take(&[1, 2, 3], &many).unwrap().remove(0);
        assert_eq!(rows, [0., 1., 2., 3., 4., 5.]);
        finish(&mut rows, 3, Some(&[0., 1., 2.]), true);
        let third = 3.0_f32.sqrt().recip();
        assert_eq!(rows, [0., 0., 0., third, third, third]);
        assert!(take(&[1, 3, 2], &many).is_err(), "rows and components are not exchanged");
        let flat = take(&[1, 2, 3], &output(Take::Flatten, 1, 6)).unwrap();
        assert_eq!(flat, [[0., 1., 2., 3., 4., 5.]]);
        let shaped = Output { shape: vec![3, 2], ..output(Take::Flatten, 1, 6) };
        assert!(take(&[1, 2, 3], &shaped).is_err_and(|error| error.contains("[3, 2]")));
    }

    #[test]
    fn views_become_their_mean() {
        let views = vec![vec![1.0, 2.0], vec![3.0, 6.0], vec![5.0, 5.0], vec![7.0, 5.0]];
        assert_eq!(mean_of_views(views, 2), [[2.0, 4.0], [6.0, 5.0]]);
    }

    #[test]
    fn a_wrong_shape_or_value_is_an_error() {
        assert!(take(&[1, 4, 2], &output(Take::Cls, 1, 3)).is_err());
        assert!(take(&[1, 4], &output(Take::Cls, 1, 4)).is_err());
        assert!(take(&[1, 4, 2], &output(Take::MeanPatch, 4, 2)).is_err());
        let raw = RawOutput { shape: vec![1, 2], data: vec![0.0, f32::NAN] };
        let error = vectors(&raw, &output(Take::Vector, 1, 2), 1).unwrap_err();
        assert!(error.contains("component 1 is not finite"), "{error}");
    }

    #[test]
    fn lengths_become_one() {
        let mut vector = [3.0, 4.0];
        l2_normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        let mut zero = [0.0; 2];
        l2_normalize(&mut zero);
        assert_eq!(zero, [0.0; 2]);
    }
}
