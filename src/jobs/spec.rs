//! What an ingest is asked to do. Its JSON form is stored with the job, so that a killed job can be
//! resumed by another process.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use vitrail_domain::{CollectionName, Mpp, Path, Role, Roles};
use vitrail_sources::Credentials;

use crate::trail::Reached;

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
    /// The scale of tiles; the model's own when absent.
    pub tile_mpp: Option<Mpp>,
    /// Roles said by the caller; the others are guessed from the table's columns.
    pub roles: Roles,
    /// Only paths that match one of these globs, where there are any.
    pub include: Vec<String>,
    /// No path that matches one of these.
    pub exclude: Vec<String>,
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
            tile_mpp: None,
            roles: Roles::default(),
            include: Vec::new(),
            exclude: Vec::new(),
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
            "tile_mpp": self.tile_mpp.map(Mpp::get),
            "roles": roles,
            "include": self.include,
            "exclude": self.exclude,
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
            tile_mpp: mpp("tile_mpp")?,
            roles: roles_from_json(value.get("roles"))?,
            include: texts("include"),
            exclude: texts("exclude"),
        })
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
        assert_eq!(IngestSpec::from_json(&spec.to_json()), Ok(spec));
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
