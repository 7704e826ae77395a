//! Answers a question: filter first, then the cheaper plan, then percentiles and groups.

use std::collections::HashMap;
use std::time::Instant;

use vitrail_domain::limits::{
    GROUP_SIZE_MAX, GROUPS_MAX, PERCENTILE_MULTI_SAMPLE, PERCENTILE_SAMPLE, TOP_K_MAX,
};
use vitrail_domain::{Answer, Ef, Explain, GroupBy, Hit, Plan, Question, Slot, SlotSet, TopK};
use vitrail_vector_index::{Found, VectorView};

use crate::error::QueryError;
use crate::multi::{Query, prepared};
use crate::percentile::Background;
use crate::plan::{Asked, Choice, choose};
use crate::view::View;

/// Answers `question` over `view`. Always `k` hits where `k` points pass.
///
/// Cost: the filter's bitmap, then either one distance per passing point or a graph walk;
/// with percentiles, 1,000 distances more. Of a multi-vector the rows of each candidate are read
/// from the truth, and of 250 points with percentiles.
///
/// # Errors
/// An unknown vector or role, a query of another length or with a component that is not finite,
/// a filter or groups over their bounds.
pub fn answer(view: &View, question: &Question) -> Result<Answer, QueryError> {
    let vectors = view.vector(&question.vector)?;
    let query = prepared(view, vectors, question)?;
    let started = Instant::now();
    let narrowed = narrow(view, vectors, question)?;
    let filter_us = micros(started);
    let started = Instant::now();
    let search = Search { view, vectors, query: &query, question, narrowed: &narrowed };
    let (hits, groups, found) = match &question.group_by {
        None => {
            let found = search.top(question.k);
            (search.hits(&found.hits), Vec::new(), found)
        }
        Some(group_by) => search.grouped(group_by)?,
    };
    let hits = search.with_percentiles(hits)?;
    Ok(Answer {
        hits,
        groups,
        explain: Explain {
            plan: found.plan,
            points: vectors.len(),
            matched: narrowed.matched,
            compared: found.compared,
            estimated: found.estimated,
            predicted_us: found.predicted_us,
            ef: found.ef,
            unindexed: narrowed.unindexed,
            filter_us,
            search_us: micros(started),
        },
    })
}

/// What the filter and the exclusions leave.
struct Narrowed {
    /// `None`: every point that has the vector.
    allowed: Option<SlotSet>,
    matched: usize,
    unindexed: Vec<String>,
}

/// Candidates with the plan that found them.
#[derive(Default)]
pub(crate) struct Candidates {
    pub hits: Vec<(Slot, f32)>,
    pub compared: usize,
    pub estimated: usize,
    pub predicted_us: u64,
    pub plan: Plan,
    pub ef: usize,
}

impl Candidates {
    /// All of these, not compared yet.
    pub fn all(slots: impl Iterator<Item = Slot>) -> Self {
        Self { hits: slots.map(|slot| (slot, 0.0)).collect(), ..Self::default() }
    }
}

type Grouped = (Vec<Hit>, Vec<(Option<String>, usize)>, Candidates);

struct Search<'a> {
    view: &'a View,
    vectors: &'a VectorView,
    query: &'a Query<'a>,
    question: &'a Question,
    narrowed: &'a Narrowed,
}

impl Search<'_> {
    fn top(&self, k: TopK) -> Candidates {
        let Some(many) = &self.query.many else { return self.nearest(k) };
        let within = self.narrowed.allowed.as_ref().unwrap_or(self.vectors.slots());
        many.top(self.question, k, within, |fetch| self.nearest(fetch))
    }

    /// The nearest rows; of multi-vectors the mean ones.
    fn nearest(&self, k: TopK) -> Candidates {
        let choice = choose(Asked {
            k: k.get(),
            ef: self.question.ef.map(Ef::get),
            exact: self.question.exact,
            filtered: self.narrowed.matched < self.vectors.len(),
        });
        let allowed = self.narrowed.allowed.as_ref();
        if let Choice::Cheapest { ef } = choice
            && let Ok(ef) = Ef::new(ef)
        {
            let found = self.vectors.search(&self.query.row, k, ef, allowed);
            // A view that lost rows to damage on the way may lack hits; it is asked exactly.
            if found.hits.len() >= k.get().min(self.narrowed.matched) {
                return candidates(found, ef.get());
            }
        }
        candidates(self.vectors.search_exact(&self.query.row, k, allowed), 0)
    }

    /// The best `k` groups. Fetches twice as many hits each round until the groups are full or
    /// the matches, or the bound on k, are used up.
    fn grouped(&self, group_by: &GroupBy) -> Result<Grouped, QueryError> {
        let groups_wanted = self.question.k.get();
        if groups_wanted > GROUPS_MAX || !(1..=GROUP_SIZE_MAX).contains(&group_by.size) {
            return Err(QueryError::Groups);
        }
        let most = self.narrowed.matched.clamp(1, TOP_K_MAX);
        let mut fetch = (groups_wanted * group_by.size).clamp(1, most);
        loop {
            let k = TopK::new(fetch).map_err(|_| QueryError::Groups)?;
            let found = self.top(k);
            let groups = gather(self.hits(&found.hits), group_by, groups_wanted);
            let full = groups.len() == groups_wanted
                && groups.iter().all(|(_, hits)| hits.len() == group_by.size);
            if full || fetch >= most || found.hits.len() < fetch {
                let sizes = groups.iter().map(|(value, hits)| (value.clone(), hits.len()));
                let sizes = sizes.collect();
                return Ok((groups.into_iter().flat_map(|(_, hits)| hits).collect(), sizes, found));
            }
            fetch = (fetch * 2).min(most);
        }
    }

    fn hits(&self, found: &[(Slot, f32)]) -> Vec<Hit> {
        let hit = |&(slot, distance): &(Slot, f32)| {
            let record = self.view.records.record(slot)?;
            Some(Hit { id: record.id, slot, distance, percentile: None, payload: record.payload })
        };
        found.iter().filter_map(hit).collect()
    }

    fn with_percentiles(&self, mut hits: Vec<Hit>) -> Result<Vec<Hit>, QueryError> {
        if !self.question.percentiles {
            return Ok(hits);
        }
        let own = own_slots(self.view, self.question)?;
        let most = match &self.query.many {
            Some(_) => PERCENTILE_MULTI_SAMPLE,
            None => PERCENTILE_SAMPLE,
        };
        let distances = |slots: &[Slot]| match &self.query.many {
            Some(many) => many.distances(slots),
            None => self.vectors.distances(&self.query.row, slots),
        };
        if let Some(background) = Background::measure(self.vectors, &own, most, distances) {
            for hit in &mut hits {
                hit.percentile = Some(background.percentile(hit.distance));
            }
        }
        Ok(hits)
    }
}

fn narrow(view: &View, vectors: &VectorView, question: &Question) -> Result<Narrowed, QueryError> {
    let excluded = view.excluding(&question.exclude_same)?;
    let filter = question.filter.clone().and(excluded);
    if filter.is_empty() && question.exclude_ids.is_empty() {
        return Ok(Narrowed { allowed: None, matched: vectors.len(), unindexed: Vec::new() });
    }
    let matched = view.matching(&filter)?;
    let mut allowed = matched.slots;
    for &id in &question.exclude_ids {
        if let Some(slot) = view.records.slot(id) {
            allowed.remove(slot);
        }
    }
    allowed.intersect_with(vectors.slots());
    let count = allowed.len();
    Ok(Narrowed { allowed: Some(allowed), matched: count, unindexed: matched.unindexed })
}

/// Slots of the query's own patient, lesion ...: they would flatter every percentile.
fn own_slots(view: &View, question: &Question) -> Result<SlotSet, QueryError> {
    let own: Vec<_> = question
        .own
        .iter()
        .chain(&question.exclude_same)
        .filter(|identity| view.roles.path(identity.role).is_some())
        .cloned()
        .collect();
    let mut slots = SlotSet::new();
    if !own.is_empty() {
        let others = view.excluding(&own)?;
        slots = view.live.as_ref().clone();
        slots.subtract(&view.matching(&others)?.slots);
    }
    slots.extend_with(question.exclude_ids.iter().filter_map(|&id| view.records.slot(id)));
    Ok(slots)
}

/// Hits by the group's value in order of each group's best hit; a point without the value makes
/// a group of its own.
fn gather(hits: Vec<Hit>, group_by: &GroupBy, most: usize) -> Vec<(Option<String>, Vec<Hit>)> {
    let mut groups: Vec<(Option<String>, Vec<Hit>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for hit in hits {
        let value = hit.payload.scalar_text(&group_by.path);
        let place = value.as_ref().and_then(|value| places.get(value)).copied();
        if let Some(at) = place {
            if let Some((_, members)) = groups.get_mut(at)
                && members.len() < group_by.size
            {
                members.push(hit);
            }
        } else if groups.len() < most {
            if let Some(value) = &value {
                places.insert(value.clone(), groups.len());
            }
            groups.push((value, vec![hit]));
        }
    }
    groups
}

fn candidates(found: Found, ef: usize) -> Candidates {
    Candidates {
        hits: found.hits,
        compared: found.compared,
        estimated: found.estimated,
        predicted_us: found.predicted_us as u64,
        plan: found.plan,
        ef: if found.plan == Plan::Graph { ef } else { 0 },
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
