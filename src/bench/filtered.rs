//! Search under filters as the engine does it by default: field index, planner, walk or scan; and
//! the index alone by `ef`. The oracle tells each payload by itself and compares all that pass.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;
use serde_json::{Value, json};
use vitrail_api::contract::filter;
use vitrail_domain::evaluate::holds;
use vitrail_domain::{
    Answer, Ef, Filter, Payload, PayloadSource, PointId, PointRecord, Question, RecordSource,
    Roles, Seq, Slot, SlotSet, TopK, VectorName,
};
use vitrail_exchange::read_npy_integers;
use vitrail_field_index::FieldIndex;
use vitrail_query::View;
use vitrail_vector_index::{Found, VectorView};

use super::asked::{Asked, numbers, recall};
use super::scratch::ScratchFolder;
use super::times;
use crate::open::Failure;

/// Shares by which filtered queries are grouped: each takes those at or above nine tenths of it,
/// since a drawn share misses its mark a little.
const SHARES: [f64; 7] = [0.5, 0.2, 0.1, 0.04, 0.01, 0.001, 0.0];
const MISS: f64 = 0.9;

/// Distinct filters at most: each is a set of slots, and one pass over all payloads.
const FILTERS_MAX: usize = 1_000;

/// A row's payload as its line of JSON: a million of them parsed would take gigabytes.
struct Records(Vec<Box<str>>);

impl PayloadSource for Records {
    fn payload(&self, slot: Slot) -> Option<Payload> {
        let line = self.0.get(slot.0 as usize)?;
        let fields: Value = serde_json::from_str(line).ok()?;
        Some(Payload::trusted(fields.as_object().cloned().unwrap_or_default()))
    }
}

impl RecordSource for Records {
    fn record(&self, slot: Slot) -> Option<PointRecord> {
        let payload = self.payload(slot)?;
        Some(PointRecord { id: PointId::Number(u64::from(slot.0)), image: None, payload })
    }

    fn slot(&self, id: PointId) -> Option<Slot> {
        let PointId::Number(number) = id else { return None };
        let slot = u32::try_from(number).ok()?;
        ((slot as usize) < self.0.len()).then_some(Slot(slot))
    }
}

/// Rows and their payloads as a collection shows them, without its store.
pub(super) struct Engine {
    view: View,
    vector: VectorName,
    records: Arc<Records>,
    _folder: ScratchFolder,
}

impl Engine {
    /// Indexes the payloads of a file (see `Ann::payloads`); rows have none without one.
    pub(super) fn new(vectors: Arc<VectorView>, payloads: Option<&Path>) -> Result<Self, Failure> {
        let folder = ScratchFolder::new("fields");
        let lines = match payloads {
            Some(path) => lines(path)?,
            None => vec!["{}".into(); vectors.len()],
        };
        if lines.len() != vectors.len() {
            let (have, rows) = (lines.len(), vectors.len());
            return Err(format!("{have} payloads for {rows} rows").into());
        }
        let records = Arc::new(Records(lines));
        let fields = FieldIndex::open(folder.path())?;
        fields.rebuild(Seq(1), |rebuild| {
            for (at, slot) in (0..).zip(vectors.slots().iter()) {
                let payload = records.payload(slot).ok_or("a payload is not an object of JSON")?;
                rebuild.push(slot, PointId::Number(at), &payload)?;
            }
            Ok::<(), Failure>(())
        })?;
        let vector: VectorName = "v".parse()?;
        let view = View {
            live: Arc::new(vectors.slots().clone()),
            vectors: BTreeMap::from([(vector.clone(), vectors)]),
            fields: fields.view(),
            records: records.clone(),
            rows: BTreeMap::new(),
            roles: Roles::default(),
        };
        Ok(Self { view, vector, records, _folder: folder })
    }

    /// What the engine does by default: recall, time, and the plans that it chose.
    pub(super) fn by_default(
        &self,
        asked: &Asked,
        k: TopK,
        one: &ThreadPool,
        filter: &(dyn Fn(usize) -> Filter + Sync),
    ) -> Result<Value, Failure> {
        let questions: Vec<Question> = asked
            .queries
            .iter()
            .zip(0..)
            .map(|(query, at)| self.question(query, k, filter(at)))
            .collect();
        let answer = |at: usize, _: &[f32]| Ok(vitrail_query::answer(&self.view, &questions[at])?);
        let (answers, mut report) = one.install(|| asked.each(answer))?;
        let ids = |answer: &Answer| answer.hits.iter().map(|hit| hit.slot.0).collect();
        let found: Vec<Vec<u32>> = answers.iter().map(ids).collect();
        let (mut plans, mut compared) = (BTreeMap::<&str, usize>::new(), 0);
        for answer in &answers {
            *plans.entry(answer.explain.plan.name()).or_default() += 1;
            compared += answer.explain.compared;
        }
        let part = |of: fn(&Answer) -> u64| times(answers.iter().map(|a| of(a) as f64).collect());
        let (filter, search) =
            (part(|answer| answer.explain.filter_us), part(|answer| answer.explain.search_us));
        report["recall"] = json!(recall(&asked.truth, &found));
        report["filter_p50_us"] = filter["p50_us"].clone();
        report["search_p50_us"] = search["p50_us"].clone();
        report["compared_mean"] = json!(compared as f64 / answers.len().max(1) as f64);
        report["plans"] = json!(plans);
        Ok(report)
    }

    fn question(&self, query: &[f32], k: TopK, filter: Filter) -> Question {
        let query = query.to_vec().into();
        Question { filter, ..Question::nearest(self.vector.clone(), query, k) }
    }

    fn passing(&self, filter: &Filter) -> SlotSet {
        let slots: Vec<Slot> = (0..self.records.0.len() as u32).map(Slot).collect();
        let passes = |slot: &&Slot| {
            let id = PointId::Number(u64::from(slot.0));
            self.records.payload(**slot).is_some_and(|payload| holds(filter, id, &payload))
        };
        let mut set = SlotSet::new();
        set.extend_with(slots.par_iter().filter(passes).copied().collect::<Vec<_>>().into_iter());
        set
    }
}

/// One filter a query, and the rows that pass it.
struct Filters {
    /// Query -> filter.
    of: Vec<usize>,
    filters: Vec<Filter>,
    passing: Vec<SlotSet>,
}

impl Filters {
    fn read(path: &Path, queries: usize, engine: &Engine) -> Result<Self, Failure> {
        let lines = lines(path)?;
        if lines.len() != queries {
            let filters = lines.len();
            return Err(
                format!("{}: {filters} filters for {queries} queries", path.display()).into()
            );
        }
        let (mut known, mut filters) = (HashMap::new(), Vec::new());
        let mut of = Vec::new();
        for (at, line) in (1..).zip(lines) {
            let number = match known.get(&line) {
                Some(&number) => number,
                None => {
                    let parsed = filter::parse(&serde_json::from_str(&line)?)
                        .map_err(|error| format!("{}: line {at}: {error}", path.display()))?;
                    filters.push(parsed);
                    known.insert(line, filters.len() - 1);
                    filters.len() - 1
                }
            };
            of.push(number);
        }
        if filters.len() > FILTERS_MAX {
            return Err(format!("{} distinct filters, {FILTERS_MAX} at most", filters.len()).into());
        }
        let passing = filters.iter().map(|filter| engine.passing(filter)).collect();
        Ok(Self { of, filters, passing })
    }
}

/// A second curve for each share of the rows that passes, and the engine's own choice.
pub(super) fn filtered(
    asked: &Asked,
    engine: &Engine,
    k: TopK,
    filters: &Path,
    one: &ThreadPool,
) -> Result<Value, Failure> {
    let filters = Filters::read(filters, asked.queries.len(), engine)?;
    let view = engine.view.vector(&engine.vector)?;
    let share = |of: usize| filters.passing[of].len() as f64 / view.len().max(1) as f64;
    let mut reports = Vec::new();
    let mut above = f64::INFINITY;
    for least in SHARES {
        let inside = |of: usize| share(of) >= MISS * least && share(of) < above && share(of) > 0.0;
        let queries: Vec<usize> =
            (0..asked.queries.len()).filter(|&at| inside(filters.of[at])).collect();
        above = MISS * least;
        if queries.is_empty() {
            continue;
        }
        let set = |at: usize| &filters.passing[filters.of[queries[at]]];
        let mut group = Asked { at_least: asked.at_least, ..Asked::default() };
        for (at, &number) in queries.iter().enumerate() {
            let query = &asked.queries[number];
            group.truth.push(numbers(&view.search_exact(query, k, Some(set(at)))));
            group.queries.push(query.clone());
        }
        let mean = queries.iter().map(|&at| share(filters.of[at])).sum::<f64>();
        let search =
            |at: usize, query: &[f32], ef: usize| searched(view, query, (k, ef), Some(set(at)));
        let filter = |at: usize| filters.filters[filters.of[queries[at]]].clone();
        reports.push(json!({
            "share_at_least": least, "share_mean": mean / queries.len() as f64,
            "queries": queries.len(),
            "default": engine.by_default(&group, k, one, &filter)?,
            "curve": group.curve(k, one, &search)?,
            "exact": group.exact(k, one, view, &|at| Some(set(at).clone()))?,
        }));
    }
    Ok(json!(reports))
}

/// What the index finds by the route that it thinks the cheapest.
pub(super) fn searched(
    view: &VectorView,
    query: &[f32],
    (k, ef): (TopK, usize),
    allowed: Option<&SlotSet>,
) -> Found {
    match Ef::new(ef) {
        Ok(ef) => view.search(query, k, ef, allowed),
        Err(_) => view.search_exact(query, k, allowed),
    }
}

/// The lines of a file of JSON lines; numbers of an `.npy` become the field `label`.
fn lines(path: &Path) -> Result<Vec<Box<str>>, Failure> {
    if path.extension().is_some_and(|ending| ending == "npy") {
        let label = |label: i64| json!({"label": label}).to_string().into_boxed_str();
        return Ok(read_npy_integers(path)?.2.into_iter().map(label).collect());
    }
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = BufReader::new(std::fs::File::open(path).map_err(unreadable)?);
    let mut all = Vec::new();
    for (at, line) in (1..).zip(file.lines()) {
        let line = line.map_err(unreadable)?;
        let parsed: Result<Value, _> = serde_json::from_str(&line);
        parsed.map_err(|error| format!("{}: line {at}: {error}", path.display()))?;
        all.push(line.into_boxed_str());
    }
    Ok(all)
}
