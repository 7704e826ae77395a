//! Scores: on the wire a larger score is always closer.

use vitrail_domain::Metric;

/// The score of a distance as the engine measures it: cosine `1 - d` (the similarity, -1 to 1), dot
/// `-d` (the product), euclid `-sqrt(d)`, manhattan `-d`.
#[must_use]
pub fn score(metric: Metric, distance: f32) -> f32 {
    match metric {
        Metric::Cosine => 1.0 - distance,
        Metric::Euclid => -distance.max(0.0).sqrt(),
        Metric::Dot | Metric::Manhattan => -distance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closer_scores_higher_in_every_metric() {
        for metric in Metric::ALL {
            assert!(score(metric, 0.25) > score(metric, 0.5), "{metric}");
        }
        assert!((score(Metric::Cosine, 0.25) - 0.75).abs() < 1e-6);
        assert!((score(Metric::Euclid, 9.0) + 3.0).abs() < 1e-6);
        assert!((score(Metric::Dot, -4.0) - 4.0).abs() < 1e-6);
    }
}
