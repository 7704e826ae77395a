//! A hit's percentile: the share of a seeded sample of the same space that lies farther from the
//! query. Raw cosines of networks whose outputs are all positive say little; ranks do.

use vitrail_domain::limits::PERCENTILE_POINTS_MIN;
use vitrail_domain::{Slot, SlotSet};
use vitrail_vector_index::VectorView;

/// Distances of the sample, sorted from the closest.
pub struct Background {
    sorted: Vec<f32>,
}

impl Background {
    /// Measures the query against up to `most` points of the view that are not in `left_out`.
    /// The same view gives the same sample. `None` under 50 points.
    ///
    /// `distances` gives the query's to each slot. Cost: `most` distances.
    #[must_use]
    pub fn measure(
        view: &VectorView,
        left_out: &SlotSet,
        most: usize,
        distances: impl FnOnce(&[Slot]) -> Vec<f32>,
    ) -> Option<Self> {
        let sample = sample(view.slots(), left_out, most);
        if sample.len() < PERCENTILE_POINTS_MIN {
            return None;
        }
        let mut sorted = distances(&sample);
        sorted.sort_by(f32::total_cmp);
        Some(Self { sorted })
    }

    /// Percent of the sample that lies strictly farther than `distance`, 0 to 100.
    #[must_use]
    pub fn percentile(&self, distance: f32) -> f32 {
        let closer_or_equal = self.sorted.partition_point(|&other| other <= distance);
        let farther = self.sorted.len() - closer_or_equal;
        100.0 * farther as f32 / self.sorted.len() as f32
    }
}

/// Every slot of a small space, else draws with a fixed seed until the sample is full; bounded
/// tries, so that a space that is nearly all left out ends too.
fn sample(slots: &SlotSet, left_out: &SlotSet, most: usize) -> Vec<Slot> {
    let count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    if slots.len() <= most * 2 {
        let kept = slots.iter().filter(|&slot| !left_out.contains(slot));
        return kept.take(most).collect();
    }
    let mut drawn = SlotSet::new();
    for step in 0..(most as u64 * 4) {
        if drawn.len() == most {
            break;
        }
        let at = (u64::from(count) * (mix(step) >> 32)) >> 32;
        let slot = u32::try_from(at).ok().and_then(|at| slots.nth(at));
        if let Some(slot) = slot.filter(|&slot| !left_out.contains(slot)) {
            drawn.insert(slot);
        }
    }
    drawn.iter().collect()
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014) over a counter: seeded, without state.
fn mix(step: u64) -> u64 {
    let mut bits = step.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
