//! The similar-case search on the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use vitrail_cases::{Similar, Subject};
use vitrail_domain::{
    Condition, Ef, Filter, GroupBy, Identity, MatchValue, Path, Payload, Plan, Role, Roles, Test,
    TopK, VectorName,
};

use crate::contract::filter::{self, FilterDoc};
use crate::contract::id::Id;
use crate::contract::metric::score;
use crate::contract::vector::VectorDoc;
use crate::error::ApiError;

/// Hits where the caller says nothing.
const K_DEFAULT: usize = 10;

/// Hits of a group where the caller says nothing.
const GROUP_SIZE_DEFAULT: usize = 3;

/// What similar cases are looked for, and how.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimilarRequest {
    /// A stored point. One of `id`, `vector`, `image` and `text` is given.
    pub id: Option<Id>,
    /// A vector made elsewhere; for a multi-vector one row or many.
    pub vector: Option<VectorDoc>,
    /// An encoded picture in base64; or send it as the part `image` of a form.
    pub image: Option<String>,
    /// Words, for a model with a text tower.
    pub text: Option<String>,
    /// Which vector is compared; may be left out where there is one.
    pub using: Option<String>,
    /// Hits (or groups), 1 to 10,000; 10 when absent.
    pub k: Option<usize>,
    /// What hits must pass.
    #[schema(value_type = Option<FilterDoc>)]
    pub filter: Option<Value>,
    /// `pass`: only pictures on which no sign of poor quality stands out; `warn`: those that fail
    /// are left out. Every picture when absent. Points without a verdict pass neither.
    pub quality: Option<String>,
    /// Roles whose value the hits must not share with the query: `["patient", "lesion"]`.
    #[serde(default)]
    pub exclude_same: Vec<String>,
    /// Who the query is, where the store can't know: `{"patient": "p7"}`.
    #[serde(default)]
    pub same: BTreeMap<String, String>,
    /// A payload path or a role: answers in groups.
    pub group_by: Option<String>,
    /// Hits of a group; 3 when absent.
    pub group_size: Option<usize>,
    /// Whether an exact scan is demanded.
    #[serde(default)]
    pub exact: bool,
    /// Candidates of a graph walk; of a multi-vector the points that are compared exactly.
    pub ef: Option<usize>,
    /// Whether to rank each hit against a sample; true when absent.
    pub percentiles: Option<bool>,
}

/// A form: the picture and the request.
#[derive(Debug, ToSchema)]
pub struct SimilarForm {
    /// The encoded picture.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    pub image: Vec<u8>,
    /// The request without `id`, `vector` and `image`, as JSON.
    pub request: Option<SimilarRequest>,
}

/// Similar cases and their receipt.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SimilarAnswer {
    /// Closest first; with groups, one group after another.
    pub hits: Vec<Hit>,
    /// With `group_by`: each group's value and how many hits it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Group>>,
    /// How they were found.
    pub explain: Explain,
}

/// One point found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Hit {
    /// Its id.
    pub id: Id,
    /// Larger is closer: cosine similarity, dot product, or the negative distance. Of multi-vectors
    /// the sum of each query row's best similarity (for euclid the negative root of the sum of the
    /// smallest squared distances).
    pub score: f32,
    /// Percent of a sample of the collection that is farther from the query; null where the
    /// collection is too small or it was not asked for.
    pub percentile: Option<f32>,
    /// The image that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Its fields.
    #[schema(value_type = Object)]
    pub payload: Map<String, Value>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// Its value; null for a point that has none.
    pub value: Option<String>,
    /// Its hits.
    pub size: usize,
}

/// The receipt of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explain {
    /// `exact`, `codes`, `graph` or `means`: the farthest from exact of the ways that were taken.
    pub plan: &'static str,
    /// The vector compared.
    pub vector: String,
    /// How.
    pub metric: &'static str,
    /// The model that makes it.
    pub model: Option<String>,
    /// That model's contract.
    pub contract: Option<String>,
    /// Points that have this vector.
    pub points: usize,
    /// Points that pass filter and exclusions: a true count.
    pub matched: usize,
    /// Vectors compared exactly with the query.
    pub compared: usize,
    /// Vectors looked at by their codes, in a graph walk or a scan.
    pub estimated: usize,
    /// Microseconds that the planner thought finding the hits would take; 0 for an exact search.
    pub predicted_us: u64,
    /// Candidates of the graph walk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef: Option<usize>,
    /// Filter paths that no index serves.
    pub unindexed: Vec<String>,
    /// Microseconds to make the filter's bitmap.
    pub filter_us: u64,
    /// Microseconds to find the hits.
    pub search_us: u64,
    /// Milliseconds to decode the query picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_ms: Option<f64>,
    /// Milliseconds to embed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embed_ms: Option<f64>,
    /// Milliseconds from request to answer.
    pub total_ms: f64,
    /// Who was left out, by role.
    pub exclude_same: BTreeMap<String, Said>,
    /// What is stored of the query itself.
    pub known: Known,
}

/// One value, or several where equal pixels are stored under several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Said {
    /// The usual case.
    One(String),
    /// Equal pixels stored for several patients, cases ...
    Many(Vec<String>),
}

/// What is stored of the query itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Known {
    /// Points with exactly the query's pixels.
    pub exact: Vec<Id>,
}

/// The answer on the wire; `total_ms` is measured by who asked.
#[must_use]
pub fn answer(similar: &Similar, total_ms: f64) -> SimilarAnswer {
    let engine = &similar.answer;
    let groups =
        engine.groups.iter().map(|(value, size)| Group { value: value.clone(), size: *size });
    let hits = engine.hits.iter().map(|hit| Hit {
        id: hit.id.into(),
        score: score(similar.spec.metric, hit.distance),
        percentile: hit.percentile,
        image_id: image_of(&hit.payload),
        payload: hit.payload.fields().clone(),
    });
    SimilarAnswer {
        hits: hits.collect(),
        groups: (!engine.groups.is_empty()).then(|| groups.collect()),
        explain: explain(similar, total_ms),
    }
}

fn explain(similar: &Similar, total_ms: f64) -> Explain {
    let receipt = &similar.answer.explain;
    let millis = |micros: u64| micros as f64 / 1000.0;
    Explain {
        plan: receipt.plan.name(),
        vector: similar.vector.to_string(),
        metric: similar.spec.metric.name(),
        model: similar.spec.model.clone(),
        contract: similar.spec.contract.clone(),
        points: receipt.points,
        matched: receipt.matched,
        compared: receipt.compared,
        estimated: receipt.estimated,
        predicted_us: receipt.predicted_us,
        ef: (receipt.plan == Plan::Graph).then_some(receipt.ef),
        unindexed: receipt.unindexed.clone(),
        filter_us: receipt.filter_us,
        search_us: receipt.search_us,
        decode_ms: similar.decode_us.map(millis),
        embed_ms: similar.embed_us.map(millis),
        total_ms,
        exclude_same: excluded(&similar.excluded),
        known: Known { exact: similar.known.iter().map(|&id| id.into()).collect() },
    }
}

fn excluded(identities: &[Identity]) -> BTreeMap<String, Said> {
    let mut by_role: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for identity in identities {
        by_role.entry(identity.role.to_string()).or_default().push(identity.value.clone());
    }
    let said = |mut values: Vec<String>| match (values.len(), values.pop()) {
        (1, Some(only)) => Said::One(only),
        (_, last) => {
            values.extend(last);
            Said::Many(values)
        }
    };
    by_role.into_iter().map(|(role, values)| (role, said(values))).collect()
}

/// The image that the server wrote into the payload.
fn image_of(payload: &Payload) -> Option<String> {
    let image = payload.fields().get(Payload::RESERVED)?.get("image")?;
    image.as_str().map(str::to_owned)
}

/// Reads a request. `picture` is the form's part; `roles` are the collection's.
///
/// # Errors
/// The field that is wrong.
pub fn request(
    wire: &SimilarRequest,
    picture: Option<Arc<[u8]>>,
    roles: &Roles,
) -> Result<vitrail_cases::SimilarRequest, ApiError> {
    let using = wire.using.as_deref().map(str::parse::<VectorName>).transpose();
    let filter = wire.filter.as_ref().map(filter::parse).transpose()?.unwrap_or_default();
    let filter = filter.and(quality_filter(wire.quality.as_deref())?);
    let k = TopK::new(wire.k.unwrap_or(K_DEFAULT));
    let ef = wire.ef.map(Ef::new).transpose();
    Ok(vitrail_cases::SimilarRequest {
        subject: subject(wire, picture)?,
        using: using.map_err(|error| ApiError::invalid("using", error))?,
        k: k.map_err(|error| ApiError::invalid("k", error))?,
        ef: ef.map_err(|error| ApiError::invalid("ef", error))?,
        exact: wire.exact,
        filter,
        exclude_same: wire
            .exclude_same
            .iter()
            .map(|name| role("exclude_same", name))
            .collect::<Result<_, _>>()?,
        same: same(&wire.same)?,
        group_by: group_by(wire, roles)?,
        percentiles: wire.percentiles.unwrap_or(true),
    })
}

/// The verdicts that hits may have.
fn quality_filter(least: Option<&str>) -> Result<Filter, ApiError> {
    let verdicts: &[&str] = match least {
        None => return Ok(Filter::default()),
        Some("pass") => &["pass"],
        Some("warn") => &["pass", "warn"],
        Some(_) => return Err(ApiError::invalid("quality", "quality is pass or warn")),
    };
    let path = Path::key(Payload::RESERVED).join("qc").join("verdict");
    let any = verdicts.iter().map(|word| MatchValue::Text((*word).to_owned())).collect();
    Ok(Filter { must: vec![Condition::Field(path, Test::Any(any))], ..Filter::default() })
}

fn subject(wire: &SimilarRequest, picture: Option<Arc<[u8]>>) -> Result<Subject, ApiError> {
    let stored = [wire.id.is_some(), wire.vector.is_some(), wire.text.is_some()];
    let pictures = [wire.image.is_some(), picture.is_some()];
    if stored.into_iter().chain(pictures).filter(|&given| given).count() != 1 {
        return Err(ApiError::invalid("id", "give exactly one of id, vector, image and text"));
    }
    if let Some(text) = &wire.text {
        return Ok(Subject::Text(text.clone()));
    }
    if let Some(id) = &wire.id {
        return id.parse().map(Subject::Id).map_err(|error| ApiError::invalid("id", error));
    }
    if let Some(vector) = &wire.vector {
        let vector = vector.clone().read().map_err(|error| error.at("vector"))?;
        return Ok(Subject::Vector(vector));
    }
    match (picture, &wire.image) {
        (Some(bytes), _) => Ok(Subject::Picture(bytes)),
        (None, text) => {
            use base64::Engine as _;
            let text = text.as_deref().unwrap_or_default();
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            let bytes = bytes.map_err(|error| ApiError::invalid("image", error))?;
            Ok(Subject::Picture(bytes.into()))
        }
    }
}

fn role(field: &str, name: &str) -> Result<Role, ApiError> {
    name.parse().map_err(|error: String| ApiError::invalid(field, error))
}

fn same(wire: &BTreeMap<String, String>) -> Result<BTreeMap<Role, String>, ApiError> {
    wire.iter().map(|(name, value)| Ok((role("same", name)?, value.clone()))).collect()
}

/// A role that the collection maps wins over a path of the same name.
fn group_by(wire: &SimilarRequest, roles: &Roles) -> Result<Option<GroupBy>, ApiError> {
    let Some(text) = &wire.group_by else { return Ok(None) };
    let mapped = text.parse::<Role>().ok().and_then(|role| roles.path(role)).cloned();
    let path: Path = match mapped {
        Some(path) => path,
        None => text
            .parse()
            .map_err(|error| ApiError::invalid::<vitrail_domain::PathError>("group_by", error))?,
    };
    Ok(Some(GroupBy { path, size: wire.group_size.unwrap_or(GROUP_SIZE_DEFAULT) }))
}
