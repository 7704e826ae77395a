//! How good a collection's neighbours are: its vectors and labels, handed to room `analysis`.

use std::collections::{BTreeMap, HashMap};

use vitrail_analysis::{
    Grouping, Labelled, RetrievalOptions, RetrievalReport, retrieval as measured,
};
use vitrail_collection::{Collection, VectorSpec};
use vitrail_domain::limits::RETRIEVAL_QUERIES_MAX;
use vitrail_domain::{Metric, Path, PointId, PointRecord, Role, Roles, TopK, VectorName};

use crate::error::CaseError;
use crate::similar::which_vector;

/// Roles by which pictures are of one and the same, so that they are no evidence for each other.
const PERSONAL: [Role; 4] = [Role::Patient, Role::Case, Role::Lesion, Role::Slide];

/// What is measured.
#[derive(Debug, Clone)]
pub struct RetrievalRequest {
    /// Which vector; may be left out where there is one.
    pub using: Option<VectorName>,
    /// Where the label stands; the path of the role label when left out.
    pub label: Option<Path>,
    /// Roles whose value hits must not share with the query; when left out, patient, case, lesion
    /// and slide, as far as the collection maps them.
    pub exclude_same: Option<Vec<Role>>,
    /// Hits that are judged for each query.
    pub k: TopK,
    /// Decides everything that is drawn.
    pub seed: u64,
    /// Queries at most, `RETRIEVAL_QUERIES_MAX` when left out.
    pub queries_max: Option<usize>,
}

/// A report with all that is needed to make it again.
#[derive(Debug)]
pub struct Retrieval {
    /// The figures.
    pub report: RetrievalReport,
    /// The vector measured.
    pub vector: VectorName,
    /// How that vector is made and compared.
    pub spec: VectorSpec,
    /// Where the label stands.
    pub label: Path,
    /// Roles that were left out.
    pub excluded: Vec<Role>,
    /// Roles that make clusters.
    pub clustered_by: Vec<Role>,
    /// Points with the vector and without a label: not looked at.
    pub unlabelled: usize,
    /// BLAKE3 of ids, labels, groups and vectors, 64 hex digits: equal inputs give equal reports.
    pub inputs: String,
}

/// Measures how often a point's nearest neighbours have its label. The view of this moment is
/// searched exactly. O(queries * points * dim).
///
/// # Errors
/// No such vector, one with many rows a point, no label, a role that the collection does not map,
/// nobody to compare with.
pub fn retrieval(
    collection: &Collection,
    request: &RetrievalRequest,
) -> Result<Retrieval, CaseError> {
    let spec = collection.spec();
    let (vector, vector_spec) = which_vector(&spec, request.using.as_ref())?;
    if vector_spec.multi.is_some() {
        return Err(CaseError::ManyRows(vector));
    }
    let label = request.label.clone().or_else(|| spec.roles.path(Role::Label).cloned());
    let label = label.ok_or(CaseError::NoLabel)?;
    let excluded = excluded(request.exclude_same.as_deref(), &spec.roles)?;
    let mut roles: Vec<Role> = mapped(&PERSONAL, &spec.roles);
    roles.extend(excluded.iter().filter(|role| !PERSONAL.contains(role)));
    let view = collection.view();
    let vectors = view.vectors.get(&vector).ok_or_else(|| CaseError::Which(vector.to_string()))?;
    let paths: Vec<&Path> = roles.iter().filter_map(|&role| spec.roles.path(role)).collect();
    let (mut points, mut unlabelled) = (Vec::new(), 0);
    for slot in vectors.slots().iter() {
        if let (Some(record), Some(row)) = (view.records.record(slot), vectors.vector(slot)) {
            match Point::of(&record, row, &label, &paths) {
                Some(point) => points.push(point),
                None => unlabelled += 1,
            }
        }
    }
    let columns = Columns::of(points, &roles);
    let queries_max = request.queries_max.unwrap_or(RETRIEVAL_QUERIES_MAX);
    let options = RetrievalOptions {
        k: request.k,
        seed: request.seed,
        queries_max: queries_max.min(RETRIEVAL_QUERIES_MAX),
    };
    let inputs = columns.hasher.finalize().to_string();
    let report = measured(&columns.labelled(vectors.metric(), &excluded), options)?;
    Ok(Retrieval {
        report,
        vector,
        spec: vector_spec,
        label,
        excluded,
        clustered_by: mapped(&PERSONAL, &spec.roles),
        unlabelled,
        inputs,
    })
}

fn mapped(roles: &[Role], by: &Roles) -> Vec<Role> {
    roles.iter().copied().filter(|&role| by.path(role).is_some()).collect()
}

fn excluded(asked: Option<&[Role]>, roles: &Roles) -> Result<Vec<Role>, CaseError> {
    let Some(asked) = asked else { return Ok(mapped(&PERSONAL, roles)) };
    match asked.iter().find(|&&role| roles.path(role).is_none()) {
        Some(&unmapped) => Err(CaseError::Role(unmapped)),
        None => Ok(asked.to_vec()),
    }
}

/// What is looked at of a point.
struct Point<'a> {
    id: PointId,
    class: String,
    /// By role.
    groups: Vec<Option<String>>,
    row: &'a [f32],
}

impl<'a> Point<'a> {
    /// `None`: the point has no label.
    fn of(record: &PointRecord, row: &'a [f32], label: &Path, roles: &[&Path]) -> Option<Self> {
        let groups = roles.iter().map(|path| record.payload.scalar_text(path));
        let class = record.payload.scalar_text(label)?;
        Some(Self { id: record.id, class, groups: groups.collect(), row })
    }
}

/// The points, a column each.
struct Columns<'a> {
    rows: Vec<&'a [f32]>,
    labels: Vec<u32>,
    classes: BTreeMap<String, u32>,
    groups: Vec<Groups>,
    hasher: blake3::Hasher,
}

/// One role's column.
struct Groups {
    role: Role,
    numbers: HashMap<String, u32>,
    of: Vec<Option<u32>>,
}

impl<'a> Columns<'a> {
    /// In the order of the ids: slots are given in the order in which threads came, and a report
    /// must not hang on that.
    fn of(mut points: Vec<Point<'a>>, roles: &[Role]) -> Self {
        points.sort_by_key(|point| point.id);
        let groups =
            roles.iter().map(|&role| Groups { role, numbers: HashMap::new(), of: Vec::new() });
        let mut columns = Self {
            rows: Vec::new(),
            labels: Vec::new(),
            classes: BTreeMap::new(),
            groups: groups.collect(),
            hasher: blake3::Hasher::new(),
        };
        points.into_iter().for_each(|point| columns.take(point));
        columns
    }

    fn take(&mut self, point: Point<'a>) {
        hash(&mut self.hasher, point.id.to_string().as_bytes());
        hash(&mut self.hasher, point.class.as_bytes());
        for (groups, value) in self.groups.iter_mut().zip(point.groups) {
            hash(&mut self.hasher, value.as_deref().unwrap_or_default().as_bytes());
            let next = groups.numbers.len() as u32;
            groups.of.push(value.map(|value| *groups.numbers.entry(value).or_insert(next)));
        }
        let components = point.row.iter().flat_map(|component| component.to_le_bytes());
        hash(&mut self.hasher, &components.collect::<Vec<u8>>());
        let next = self.classes.len() as u32;
        self.labels.push(*self.classes.entry(point.class).or_insert(next));
        self.rows.push(point.row);
    }

    /// The columns, with classes in the order of their names.
    fn labelled(self, metric: Metric, excluded: &[Role]) -> Labelled<'a> {
        let in_order = self.classes.values().zip(0..);
        let renamed: HashMap<u32, u32> = in_order.map(|(&old, new)| (old, new)).collect();
        let labels = self.labels.iter().filter_map(|old| renamed.get(old).copied());
        let groupings = self.groups.into_iter().map(|groups| Grouping {
            name: groups.role.to_string(),
            of: groups.of,
            excluded: excluded.contains(&groups.role),
            clustered: PERSONAL.contains(&groups.role),
        });
        Labelled {
            metric,
            rows: self.rows,
            labels: labels.collect(),
            groupings: groupings.collect(),
            classes: self.classes.into_keys().collect(),
        }
    }
}

/// A part with its length before it, so that no two lists of parts are the same bytes.
fn hash(hasher: &mut blake3::Hasher, part: &[u8]) {
    hasher.update(&(part.len() as u64).to_le_bytes());
    hasher.update(part);
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitrail_domain::Payload;

    use super::*;

    const ROW: [f32; 2] = [1.0, 2.0];

    fn point(id: u64, fields: &serde_json::Value) -> Option<Point<'static>> {
        let payload = Payload::trusted(fields.as_object().cloned().expect("fields"));
        let record = PointRecord { id: PointId::Number(id), image: None, payload };
        Point::of(&record, &ROW, &Path::key("dx"), &[&Path::key("lesion_id")])
    }

    fn columns(points: &[(u64, serde_json::Value)]) -> Columns<'static> {
        let points = points.iter().filter_map(|(id, fields)| point(*id, fields)).collect();
        Columns::of(points, &[Role::Lesion])
    }

    #[test]
    fn points_become_columns_in_the_order_of_their_ids() {
        let mut points = vec![
            (1, json!({"dx": "nv", "lesion_id": "L2"})),
            (2, json!({"dx": "mel"})),
            (3, json!({"dx": "nv", "lesion_id": "L2"})),
            (4, json!({"dx": "bcc", "lesion_id": "L9"})),
        ];
        let hash = columns(&points).hasher.finalize();
        points.reverse();
        let columns = columns(&points);
        assert_eq!(columns.hasher.finalize(), hash);
        let data = columns.labelled(Metric::Cosine, &[Role::Lesion]);
        assert_eq!(data.classes, ["bcc", "mel", "nv"]);
        assert_eq!(data.labels, [2, 1, 2, 0]);
        let lesions = data.groupings.first().expect("lesions");
        assert_eq!(lesions.of, [Some(0), None, Some(0), Some(1)]);
        assert!(lesions.excluded && lesions.clustered && data.rows.len() == 4);
        assert!(point(5, &json!({"dx": null, "lesion_id": "L1"})).is_none());
    }

    #[test]
    fn the_hash_follows_every_input() {
        let hash = |fields| columns(&[(1, fields)]).hasher.finalize();
        let one = hash(json!({"dx": "nv", "lesion_id": "L2"}));
        assert_eq!(one, hash(json!({"dx": "nv", "lesion_id": "L2", "age": 3})));
        assert_ne!(one, hash(json!({"dx": "mel", "lesion_id": "L2"})));
        assert_ne!(one, hash(json!({"dx": "nv", "lesion_id": "L3"})));
        assert_ne!(one, hash(json!({"dx": "nvL2"})));
    }

    #[test]
    fn roles_are_left_out_as_far_as_they_are_mapped_or_refused_by_name() {
        let paths = [Role::Lesion, Role::Label, Role::Site].map(|role| (role, Path::key("x")));
        let roles = Roles(paths.into_iter().collect());
        assert_eq!(excluded(None, &roles).ok(), Some(vec![Role::Lesion]));
        assert_eq!(excluded(Some(&[]), &roles).ok(), Some(vec![]));
        assert_eq!(excluded(Some(&[Role::Site]), &roles).ok(), Some(vec![Role::Site]));
        let refused = excluded(Some(&[Role::Lesion, Role::Patient]), &roles);
        assert!(matches!(refused, Err(CaseError::Role(Role::Patient))));
    }
}
