//! Means with intervals. Pictures of one patient are no independent evidence, so whole clusters are
//! drawn, not pictures.

use crate::draw::Draw;

/// A mean with the interval in which 95 % of its resamples lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The mean.
    pub mean: f64,
    /// The 2.5th and 97.5th percentile; `None` where there is one cluster, which says nothing of
    /// others.
    pub interval: Option<(f64, f64)>,
}

/// Means of one value a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Over all queries.
    pub micro: Measured,
    /// Over the classes' means: each class weighs the same.
    pub macro_mean: Measured,
    /// Over the queries of each class; `None` for a class without any.
    pub classes: Vec<Option<Measured>>,
}

/// Queries as a bootstrap sees them.
pub(crate) struct Queries<'a> {
    /// How many classes there are.
    pub classes: usize,
    /// Each query's class.
    pub labels: &'a [u32],
    /// Each query's cluster, numbered from 0 without gaps.
    pub clusters: &'a [usize],
}

/// Sums and counts by class.
#[derive(Debug, Clone)]
struct Tally {
    sums: Vec<f64>,
    counts: Vec<f64>,
}

impl Queries<'_> {
    /// Means of `values` (one a query), and the percentile interval of `resamples` drawings of as
    /// many clusters as there are, with replacement. A class that a drawing misses keeps its mean
    /// in that drawing's macro mean: left out, rare classes would move it. The same seed draws the
    /// same clusters for any values. O(resamples * queries).
    pub fn summarise(&self, values: &[f64], resamples: usize, seed: u64) -> Summary {
        let members = self.members(values);
        let mut whole = Tally::new(self.classes);
        members.iter().for_each(|cluster| whole.add(cluster));
        let (mut micro, mut macros) = (Vec::new(), Vec::new());
        let mut classes = vec![Vec::new(); self.classes];
        let mut draw = Draw::new(seed);
        let drawings = if members.len() > 1 { resamples } else { 0 };
        for _ in 0..drawings {
            let mut tally = Tally::new(self.classes);
            for _ in 0..members.len() {
                tally.add(&members[draw.below(members.len())]);
            }
            micro.extend(tally.micro());
            macros.extend(tally.macro_mean(&whole));
            for (class, drawn) in classes.iter_mut().enumerate() {
                drawn.extend(tally.class(class));
            }
        }
        let measured = |mean: f64, drawn| Measured { mean, interval: interval(drawn) };
        let by_class = classes.into_iter().enumerate();
        Summary {
            micro: measured(whole.micro().unwrap_or(f64::NAN), micro),
            macro_mean: measured(whole.macro_mean(&whole).unwrap_or(f64::NAN), macros),
            classes: by_class
                .map(|(class, drawn)| whole.class(class).map(|mean| measured(mean, drawn)))
                .collect(),
        }
    }

    /// The classes and values of each cluster's queries.
    fn members(&self, values: &[f64]) -> Vec<Vec<(usize, f64)>> {
        let count = self.clusters.iter().max().map_or(0, |last| last + 1);
        let mut members = vec![Vec::new(); count];
        for ((&cluster, &label), &value) in self.clusters.iter().zip(self.labels).zip(values) {
            members[cluster].push((label as usize, value));
        }
        members
    }
}

impl Tally {
    fn new(classes: usize) -> Self {
        Self { sums: vec![0.0; classes], counts: vec![0.0; classes] }
    }

    fn add(&mut self, queries: &[(usize, f64)]) {
        for &(class, value) in queries {
            self.sums[class] += value;
            self.counts[class] += 1.0;
        }
    }

    fn micro(&self) -> Option<f64> {
        let count: f64 = self.counts.iter().sum();
        (count > 0.0).then(|| self.sums.iter().sum::<f64>() / count)
    }

    /// Of the classes that `whole` has; one that is missing here has its mean there.
    fn macro_mean(&self, whole: &Self) -> Option<f64> {
        let mean = |class| self.class(class).or_else(|| whole.class(class));
        let means: Vec<f64> = (0..self.sums.len()).filter_map(mean).collect();
        (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
    }

    fn class(&self, class: usize) -> Option<f64> {
        let count = self.counts[class];
        (count > 0.0).then(|| self.sums[class] / count)
    }
}

fn interval(mut drawn: Vec<f64>) -> Option<(f64, f64)> {
    drawn.sort_unstable_by(f64::total_cmp);
    Some((percentile(&drawn, 0.025)?, percentile(&drawn, 0.975)?))
}

/// Of rising numbers, between neighbours by the straight line (NumPy's default).
fn percentile(rising: &[f64], share: f64) -> Option<f64> {
    let place = share * rising.len().checked_sub(1)? as f64;
    let (below, part) = (place.floor(), place.fract());
    let low = rising.get(below as usize)?;
    let high = rising.get(place.ceil() as usize)?;
    Some(low + (high - low) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_on_the_line_between_neighbours() {
        assert_eq!(percentile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(percentile(&[5.0], 0.975), Some(5.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn micro_weighs_queries_and_macro_weighs_classes() {
        let queries = Queries { classes: 3, labels: &[0, 0, 0, 2], clusters: &[0, 1, 2, 3] };
        let summary = queries.summarise(&[1.0, 1.0, 1.0, 0.0], 100, 0);
        assert_eq!((summary.micro.mean, summary.macro_mean.mean), (0.75, 0.5));
        assert_eq!(summary.classes[1], None);
        let constant = summary.classes[0].expect("a class");
        assert_eq!((constant.mean, constant.interval), (1.0, Some((1.0, 1.0))));
    }

    #[test]
    fn classes_that_are_often_missed_move_no_mean() {
        // Ten good classes of one query each, ten bad ones: every drawing misses a third of them.
        let labels: Vec<u32> = (0..20).collect();
        let clusters: Vec<usize> = (0..20).collect();
        let values: Vec<f64> = labels.iter().map(|&label| f64::from(label % 2)).collect();
        let queries = Queries { classes: 20, labels: &labels, clusters: &clusters };
        let macro_mean = queries.summarise(&values, 200, 5).macro_mean;
        assert_eq!((macro_mean.mean, macro_mean.interval), (0.5, Some((0.5, 0.5))));
    }

    #[test]
    fn one_cluster_has_no_interval_and_torn_ones_would_be_too_sure() {
        let labels = [0; 8];
        let values = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let width = |clusters: &[usize]| {
            let queries = Queries { classes: 1, labels: &labels, clusters };
            let micro = queries.summarise(&values, 1_000, 3).micro;
            micro.interval.map(|(low, high)| high - low)
        };
        assert_eq!(width(&[0; 8]), None);
        let (together, apart) =
            (width(&[0, 0, 0, 0, 1, 1, 1, 1]), width(&[0, 1, 2, 3, 4, 5, 6, 7]));
        assert!(together > apart, "{together:?} {apart:?}");
    }
}
