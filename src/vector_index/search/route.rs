//! Searches one segment by a planned route.

use std::cell::OnceCell;

use vitrail_domain::{Plan, Slot, SlotSet};
use vitrail_kernels::TopK;

use crate::search::code_scan::{CodeScan, Scanned};
use crate::search::plan::{self, Asked, Costs, Has, Planned, Route};
use crate::search::{Found, hits};
use crate::segment::Segment;
use crate::segment::codes::Coded;
use crate::segment::links::{Links, Only, Wanted};
use crate::segment::pages::NONE;
use crate::view::{MUTABLE, VectorView};

/// Rows that a filtered walk may always look at for each candidate it keeps, before it gives up.
const WALK_ROWS_PER_EF: usize = 4;

/// Allowed points that a filtered walk is told of beforehand.
const SEEDS: usize = 32;

/// Rows that are looked at to find them.
const DRAWS: u32 = 512;

/// 2^32 divided by the golden ratio: its multiples fall evenly (Knuth, Sorting and Searching, 6.4).
const GOLDEN: u32 = 0x9E37_79B9;

/// A segment as it stands in a view.
pub(crate) struct Part<'a> {
    /// Its number in the view; the mutable one's is that of segments.
    pub(crate) number: usize,
    /// The place of its first row.
    pub(crate) base: u32,
    pub(crate) segment: &'a Segment,
    /// Rows that are current.
    pub(crate) live: usize,
}

/// What is asked of every segment.
pub(crate) struct Question<'a> {
    pub(crate) view: &'a VectorView,
    pub(crate) query: &'a [f32],
    pub(crate) k: usize,
    pub(crate) ef: usize,
    pub(crate) allowed: Option<&'a SlotSet>,
    /// How many points are allowed.
    pub(crate) matching: usize,
    pub(crate) costs: &'a Costs,
    pub(crate) always_walk: bool,
    /// The offsets of allowed rows in each part, found when first needed.
    listed: OnceCell<Vec<Vec<u32>>>,
}

/// What all segments gave together.
pub(crate) struct Tally {
    nearest: TopK,
    compared: usize,
    estimated: usize,
    plan: Plan,
    predicted_ns: f32,
}

impl Tally {
    pub(crate) fn new(k: usize) -> Self {
        let (nearest, plan) = (TopK::new(k), Plan::Exact);
        Self { nearest, compared: 0, estimated: 0, plan, predicted_ns: 0.0 }
    }

    fn take(&mut self, nearest: TopK) {
        let before = std::mem::replace(&mut self.nearest, TopK::new(0));
        self.nearest = before.merge(nearest);
    }

    fn note(&mut self, planned: Planned) {
        self.predicted_ns += planned.ns;
        self.plan = self.plan.max(match planned.route {
            Route::Exact => Plan::Exact,
            Route::Bytes | Route::Bits => Plan::Codes,
            Route::Walk => Plan::Graph,
        });
    }

    pub(crate) fn into_found(self) -> Found {
        Found {
            hits: hits(self.nearest),
            compared: self.compared,
            estimated: self.estimated,
            plan: self.plan,
            predicted_us: self.predicted_ns / 1e3,
        }
    }
}

impl<'a> Question<'a> {
    pub(crate) fn new(
        view: &'a VectorView,
        query: &'a [f32],
        (k, ef): (usize, usize),
        allowed: Option<&'a SlotSet>,
        costs: &'a Costs,
    ) -> Self {
        let matching = allowed.map_or(view.len(), |allowed| view.matching(allowed));
        // A filter that everything passes is none.
        let allowed = allowed.filter(|_| matching < view.len());
        let (ef, listed) = (ef.max(k), OnceCell::new());
        Self { view, query, k, ef, allowed, matching, costs, always_walk: false, listed }
    }

    /// Adds the nearest of a segment to the tally.
    pub(crate) fn search(&self, part: &Part<'_>, tally: &mut Tally) {
        if part.live == 0 || self.matching == 0 {
            return;
        }
        let links = part.segment.sound_graph();
        let asked = self.asked(part, links);
        let mut planned = plan::choose(&asked, self.costs);
        if self.always_walk && links.is_some() {
            planned.route = Route::Walk;
        }
        tally.note(planned);
        if planned.route == Route::Walk {
            let Some(links) = links else { return };
            if self.walk(part, links, &asked, tally) {
                return;
            }
            planned = plan::scan(&asked, self.costs);
        }
        self.scan(part, planned.route, tally);
    }

    /// The share of the matches that lies in a segment is taken to be its share of points.
    fn asked(&self, part: &Part<'_>, links: Option<&Links>) -> Asked {
        let coded = links.and_then(Links::coded);
        let walk = match coded {
            Some(coded) => self.allowed.is_none() || coded.is_even(),
            None => links.is_some(),
        };
        let bits = part.segment.bits().map(|bits| bits.lately.get());
        Asked {
            rows: part.segment.len() as usize,
            matching: (self.matching * part.live).div_ceil(self.view.len().max(1)),
            dim: self.query.len(),
            k: self.k,
            ef: self.ef,
            has: Has { bytes: coded.is_some(), bits, walk },
        }
    }

    /// Whether the row at an offset may be a hit.
    #[inline]
    fn accepts(&self, part: &Part<'_>, offset: u32) -> bool {
        let slot = part.segment.slot(offset);
        // Where every row is current, that needs no look-up.
        (part.live == part.segment.len() as usize || self.view.is_live(slot, part.base, offset))
            && self.allowed.is_none_or(|allowed| allowed.contains(Slot(slot)))
    }

    /// Walks a segment; `false` where the walk gave up.
    fn walk(&self, part: &Part<'_>, links: &Links, asked: &Asked, tally: &mut Tally) -> bool {
        let segment = part.segment;
        let whole = self.allowed.is_none() && part.live == segment.len() as usize;
        let accept = |offset: u32| self.accepts(part, offset);
        let limit = match self.allowed {
            Some(_) => plan::walk_limit(asked, self.costs).max(WALK_ROWS_PER_EF * self.ef),
            None => usize::MAX,
        };
        let seeds = self.allowed.map_or(Vec::new(), |allowed| self.seeds(allowed, part));
        let only = Only { accept: &accept, seeds: &seeds, matching: asked.matching, limit };
        let walked = links.walk(&Wanted {
            query: self.query,
            k: self.k,
            ef: self.ef,
            rows: &segment.rows,
            scorer: &self.view.scorer,
            only: (!whole).then_some(only),
        });
        tally.estimated += walked.estimated;
        tally.compared += walked.compared;
        let Some(found) = walked.nearest else { return false };
        // Where fewer were found than may match, the rest are out of the links' reach.
        if found.len() < self.k.min(asked.matching) {
            return false;
        }
        let mut nearest = TopK::new(self.k);
        for (distance, offset) in found.into_sorted() {
            nearest.push(distance, segment.slot(offset));
        }
        tally.take(nearest);
        true
    }

    /// Offsets of some of the allowed points that lie in a segment, from all over: drawn where many
    /// pass, else every so many-th of the set, which costs half a microsecond each. O(SEEDS).
    fn seeds(&self, allowed: &SlotSet, part: &Part<'_>) -> Vec<u32> {
        let len = u64::from(part.segment.len());
        let drawn = (1..=DRAWS).map(|draw| (u64::from(draw.wrapping_mul(GOLDEN)) * len) >> 32);
        let drawn = drawn.map(|offset| offset as u32).filter(|&offset| self.accepts(part, offset));
        let seeds: Vec<u32> = drawn.take(SEEDS).collect();
        if seeds.len() * 2 > SEEDS { seeds } else { self.listed_seeds(allowed, part) }
    }

    fn listed_seeds(&self, allowed: &SlotSet, part: &Part<'_>) -> Vec<u32> {
        let step = (allowed.len() / SEEDS).max(1);
        let slots = (0..SEEDS).map_while(|seed| allowed.nth((seed * step) as u32));
        let places = slots.map(|slot| self.view.place_of.get(slot.0));
        let end = part.base + part.segment.len();
        let inside = places.filter(|place| (part.base..end).contains(place));
        inside.map(|place| place - part.base).collect()
    }

    fn scan(&self, part: &Part<'_>, route: Route, tally: &mut Tally) {
        let len = part.segment.len();
        let accepts = |offset: u32| self.accepts(part, offset);
        match self.allowed {
            None if route == Route::Exact => {
                let view = self.view;
                let found = view.scan_alone(self.query, self.k, part.base, part.segment);
                tally.take(found.0);
                tally.compared += found.1;
            }
            None => self.scan_offsets(part, route, (0..len, accepts), tally),
            // Beside a larger set it is cheaper to ask of the nearest whether they are in it.
            Some(allowed) if route != Route::Exact && allowed.len() > len as usize => {
                self.scan_offsets(part, route, (0..len, accepts), tally);
            }
            Some(allowed) => {
                let listed = self.listed.get_or_init(|| self.list(allowed));
                let offsets = listed.get(part.number).map_or(&[][..], Vec::as_slice);
                // They were found by their slots' current places: nothing is left to ask of them.
                self.scan_offsets(part, route, (offsets.iter().copied(), |_| true), tally);
            }
        }
    }

    fn scan_offsets(
        &self,
        part: &Part<'_>,
        route: Route,
        (offsets, accepts): (impl Iterator<Item = u32> + Clone, impl Fn(u32) -> bool),
        tally: &mut Tally,
    ) {
        let bits = part.segment.bits();
        let scan = CodeScan {
            query: self.query,
            k: self.k,
            rows: &part.segment.rows,
            scorer: &self.view.scorer,
            slot: &|offset| part.segment.slot(offset),
            lately: bits.as_ref().filter(|_| route == Route::Bits).map_or(0, |b| b.lately.get()),
        };
        let coded = part.segment.sound_graph().and_then(Links::coded);
        let scanned = match (route, bits, coded.and_then(Coded::sq8)) {
            (Route::Bits, Some(bits), _) => {
                let query = bits.query(self.query);
                let scanned =
                    scan.run(&|ids, out| bits.distances(&query, ids, out), offsets, accepts);
                bits.lately.note(scanned.needed);
                scanned
            }
            (Route::Bytes, _, Some(codes)) => {
                let mut query = vec![0; codes.stride()];
                codes.encode_query(self.query, &mut query);
                scan.run(&|ids, out| codes.distances(&query, ids, out), offsets, accepts)
            }
            _ => scan.exactly(offsets, accepts),
        };
        let Scanned { nearest, estimated, compared, .. } = scanned;
        tally.take(nearest);
        tally.estimated += estimated;
        tally.compared += compared;
    }

    /// The offsets of allowed rows by part. O(allowed).
    fn list(&self, allowed: &SlotSet) -> Vec<Vec<u32>> {
        let mut listed = vec![Vec::new(); self.view.segments.len() + 1];
        for slot in allowed.iter() {
            let place = self.view.place_of.get(slot.0);
            if place == NONE {
                continue;
            }
            if place >= MUTABLE {
                listed[self.view.segments.len()].push(place - MUTABLE);
            } else {
                let number = self.view.position(place);
                listed[number].push(place - self.view.segments[number].base);
            }
        }
        listed
    }
}
