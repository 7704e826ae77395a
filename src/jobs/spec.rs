//! What an ingest is asked to do. Its JSON form is stored with the job, so that a killed job can be
//! resumed by another process.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use vitrail_domain::{CollectionName, Mpp, Path, Role, Roles};
use vitrail_ingest::dicom::DicomOptions;
use vitrail_sources::Credentials;

use crate::dicom;
use crate::trail::Reached;

/// Where the areas stand that tiles are kept to, as GeoJSON in level-0 pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Regions {
    /// A file for every slide, or a folder in which `NAME.geojson` is for the slide `NAME.*`.
    Path(PathBuf),
    /// The areas themselves, for every slide.
    Inline(Value),
}

/// Files to embed into a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestSpec {
    /// The collection, made on first use.
    pub collection: CollectionName,
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Addresses of sources far away.
    pub sources: Vec<String>,
    /// Who asks them. Never stored: a job that is resumed by another process needs them again.
    pub credentials: Credentials,
    /// How far an earlier run has come through them.
    pub reached: Option<Reached>,
    /// A table whose rows become payload.
    pub metadata: Option<PathBuf>,
    /// The model; the default one when absent.
    pub model: Option<String>,
    /// Micrometres per level-0 pixel of slides, as the caller knows it; wins over their own word.
    pub slide_mpp: Option<Mpp>,
    /// The scales of tiles; the model's own when there are none.
    pub tile_mpp: Vec<Mpp>,
    /// Only tiles whose middle lies in these areas.
    pub regions: Option<Regions>,
    /// Roles said by the caller; the others are guessed from the table's columns.
    pub roles: Roles,
    /// Only paths that match one of these globs, where there are any.
    pub include: Vec<String>,
    /// No path that matches one of these.
    pub exclude: Vec<String>,
    /// How DICOM files are read.
    pub dicom: DicomOptions,
}

impl IngestSpec {
    /// An ingest of these paths with everything else left to the defaults.
    #[must_use]
    pub fn new(collection: CollectionName, paths: Vec<PathBuf>) -> Self {
        Self {
            collection,
            paths,
            sources: Vec::new(),
            credentials: Credentials::Anonymous,
            reached: None,
            metadata: None,
            model: None,
            slide_mpp: None,
            tile_mpp: Vec::new(),
            regions: None,
            roles: Roles::default(),
            include: Vec::new(),
            exclude: Vec::new(),
            dicom: DicomOptions::default(),
        }
    }

    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let roles: Map<String, Value> = self
            .roles
            .0
            .iter()
            .map(|(role, path)| (role.to_string(), json!(path.to_string())))
            .collect();
        json!({
            "collection": self.collection.as_str(),
            "paths": self.paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
            "sources": self.sources,
            "reached": self.reached.as_ref().map(|reached| {
                json!({"source": reached.source, "uri": reached.uri})
            }),
            "metadata": self.metadata.as_ref().map(|path| path.to_string_lossy()),
            "model": self.model,
            "slide_mpp": self.slide_mpp.map(Mpp::get),
            "tile_mpp": self.tile_mpp.iter().map(|mpp| mpp.get()).collect::<Vec<_>>(),
            "regions": match &self.regions {
                None => Value::Null,
                Some(Regions::Path(path)) => json!(path.to_string_lossy()),
                Some(Regions::Inline(areas)) => areas.clone(),
            },
            "roles": roles,
            "include": self.include,
            "exclude": self.exclude,
            "dicom": dicom::to_json(&self.dicom),
        })
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// The field that is missing or of another type.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let texts = |key: &str| -> Vec<String> {
            let items = value.get(key).and_then(Value::as_array);
            items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mpp = |key: &str| match value.get(key).and_then(Value::as_f64) {
            Some(number) => Mpp::new(number).map(Some).map_err(|error| format!("{key}: {error}")),
            None => Ok(None),
        };
        let collection = text("collection").ok_or("collection is missing")?;
        Ok(Self {
            collection: collection.parse().map_err(|error| format!("collection: {error}"))?,
            paths: texts("paths").into_iter().map(PathBuf::from).collect(),
            sources: texts("sources"),
            credentials: Credentials::Anonymous,
            reached: reached_from_json(value.get("reached")),
            metadata: text("metadata").map(PathBuf::from),
            model: text("model"),
            slide_mpp: mpp("slide_mpp")?,
            tile_mpp: scales_from_json(value.get("tile_mpp"))?,
            regions: match value.get("regions") {
                None | Some(Value::Null) => None,
                Some(Value::String(path)) => Some(Regions::Path(path.into())),
                Some(areas) => Some(Regions::Inline(areas.clone())),
            },
            roles: roles_from_json(value.get("roles"))?,
            include: texts("include"),
            exclude: texts("exclude"),
            dicom: dicom::from_json(value.get("dicom"))?,
        })
    }
}

/// One number, as jobs of the first release have it, or a list.
fn scales_from_json(value: Option<&Value>) -> Result<Vec<Mpp>, String> {
    let scale = |value: &Value| {
        let number = value.as_f64().ok_or("tile_mpp: not a number")?;
        Mpp::new(number).map_err(|error| format!("tile_mpp: {error}"))
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(scales)) => scales.iter().map(scale).collect(),
        Some(one) => Ok(vec![scale(one)?]),
    }
}

fn reached_from_json(value: Option<&Value>) -> Option<Reached> {
    let (source, uri) = (value?.get("source")?.as_u64()?, value?.get("uri")?.as_str()?);
    Some(Reached { source: usize::try_from(source).ok()?, uri: uri.to_owned() })
}

fn roles_from_json(value: Option<&Value>) -> Result<Roles, String> {
    let mut roles = Roles::default();
    for (name, path) in value.and_then(Value::as_object).into_iter().flatten() {
        let role: Role = name.parse()?;
        let path = path.as_str().ok_or_else(|| format!("role {name}: not a text"))?;
        let path: Path = path.parse().map_err(|error| format!("role {name}: {error}"))?;
        roles.0.insert(role, path);
    }
    Ok(roles)
}

#[cfg(test)]
mod tests {
    use vitrail_sources::Secret;

    use super::*;

    #[test]
    fn a_spec_reads_as_it_was_written() {
        let mut spec = IngestSpec::new("skin".parse().expect("a name"), vec!["/a".into()]);
        spec.metadata = Some("/a/t.csv".into());
        spec.slide_mpp = Mpp::new(0.25).ok();
        spec.roles.0.insert(Role::Patient, Path::key("patient_id"));
        spec.include = vec!["*.jpg".to_owned()];
        spec.sources = vec!["s3://bucket/a".to_owned()];
        spec.reached = Some(Reached { source: 0, uri: "s3://bucket/a/1".to_owned() });
        spec.dicom.keep.insert(vitrail_ingest::deid::Keep::Device);
        spec.dicom.frame = vitrail_ingest::dicom::FrameChoice::Number(3);
        spec.tile_mpp = [0.5, 2.0].into_iter().filter_map(|mpp| Mpp::new(mpp).ok()).collect();
        spec.regions = Some(Regions::Path("/a/regions".into()));
        assert_eq!(IngestSpec::from_json(&spec.to_json()), Ok(spec.clone()));
        spec.regions = Some(Regions::Inline(json!({"type": "FeatureCollection"})));
        assert_eq!(IngestSpec::from_json(&spec.to_json()), Ok(spec.clone()));
        let mut first_release = spec.to_json();
        first_release["tile_mpp"] = json!(0.5);
        spec.tile_mpp.truncate(1);
        assert_eq!(IngestSpec::from_json(&first_release), Ok(spec));
        assert!(IngestSpec::from_json(&json!({"paths": []})).is_err());
    }

    #[test]
    fn credentials_are_not_in_the_stored_form() {
        let mut spec = IngestSpec::new("skin".parse().expect("a name"), Vec::new());
        spec.credentials = Credentials::Bearer(Secret::new("planted"));
        assert!(!spec.to_json().to_string().contains("planted"));
        assert!(!format!("{spec:?}").contains("planted"));
        let read = IngestSpec::from_json(&spec.to_json()).expect("a spec");
        assert_eq!(read.credentials, Credentials::Anonymous);
    }
}
