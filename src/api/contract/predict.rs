//! Requests and answers of Google's health model containers, which existing notebooks speak.
//!
//! Four schemas, chosen by the model's manifest (`vertex.schema`): patches (Path Foundation), one
//! picture (Derm Foundation), picture and prompt (CXR Foundation), picture or text (MedSigLIP). Only
//! inline bytes are read: no store and no bucket is approved here, and the codes say so.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use vitrail_cases::{
    CaseError, Cases, Patch, PatchRequest, PredictError, Speaks, VertexSchema,
};
use vitrail_domain::limits::PREDICT_INSTANCES_MAX;
use vitrail_domain::{Kind, Vector};

use crate::error::ApiError;

/// Characters of a description: the containers' own bound.
const DESCRIPTION_CHARS_MAX: usize = 1_024;

/// A prediction request: the instances of one of four schemas.
#[derive(Debug, ToSchema)]
pub struct PredictDoc {
    /// Path Foundation: `{patch_coordinates: [{x_origin, y_origin, width, height}],
    /// raw_image_bytes, extensions}`. Derm Foundation: `{input_bytes}`. CXR Foundation:
    /// `{input_bytes, prompt_query}`, either or both. MedSigLIP: `{image: {input_bytes,
    /// patch_coordinates_list}}` or `{text}`. Bytes are base64.
    #[schema(value_type = Vec<Object>)]
    pub instances: Vec<Value>,
}

/// Why an instance failed: the containers' code and a sentence.
struct Failed {
    code: &'static str,
    description: String,
}

impl Failed {
    fn new(code: &'static str, description: impl Into<String>) -> Self {
        let description: String = description.into();
        Self { code, description: description.chars().take(DESCRIPTION_CHARS_MAX).collect() }
    }

    fn field(description: impl Into<String>) -> Self {
        Self::new("INVALID_REQUEST_FIELD_ERROR", description)
    }

    fn json(&self) -> Value {
        json!({"code": self.code, "description": self.description})
    }
}

impl From<CaseError> for Failed {
    fn from(error: CaseError) -> Self {
        let code = match (&error, error.code().kind()) {
            (CaseError::Picture(_), _) => "IMAGE_ERROR",
            (_, Kind::Invalid | Kind::Unsupported) => "INVALID_REQUEST_FIELD_ERROR",
            _ => "INTERNAL_ERROR",
        };
        Self::new(code, error.to_string())
    }
}

impl From<PredictError> for Failed {
    fn from(error: PredictError) -> Self {
        let code = match error {
            PredictError::Case(error) => return error.into(),
            PredictError::TooMany { .. } => "TOO_MANY_PATCHES_ERROR",
            PredictError::Size { .. } => {
                "PATCH_DIMENSIONS_DO_NOT_MATCH_ENDPOINT_INPUT_DIMENSIONS_ERROR"
            }
            PredictError::Outside { .. } => "PATCH_OUTSIDE_OF_IMAGE_DIMENSIONS_ERROR",
            PredictError::Resize { .. } => "IMAGE_DIMENSION_ERROR",
        };
        Self::new(code, error.to_string())
    }
}

/// Answers a request: `{"predictions": [...]}`, or `{"error": {...}}` of the whole.
///
/// # Errors
/// An unknown or refused model: these the containers do not know.
pub fn answer(cases: &Cases, model: &str, asked: &Value) -> Result<Value, ApiError> {
    let speaks = cases.speaks(model)?;
    let instances = match asked.get("instances").and_then(Value::as_array) {
        Some(instances) if (1..=PREDICT_INSTANCES_MAX).contains(&instances.len()) => instances,
        _ => {
            let said = format!("instances is a list of 1 to {PREDICT_INSTANCES_MAX}");
            return Ok(json!({"error": Failed::field(said).json()}));
        }
    };
    let one = |instance: &Value| predict(cases, model, &speaks, instance);
    let predictions = instances.iter().map(|instance| {
        one(instance).unwrap_or_else(|failed| match speaks.schema {
            VertexSchema::DermFoundation | VertexSchema::CxrFoundation => {
                json!({"error": {"description": failed.description}})
            }
            VertexSchema::PathFoundation | VertexSchema::Medsiglip => {
                json!({"error": failed.json()})
            }
        })
    });
    let predictions: Vec<Value> = predictions.collect();
    Ok(json!({"predictions": predictions}))
}

fn predict(
    cases: &Cases,
    model: &str,
    speaks: &Speaks,
    instance: &Value,
) -> Result<Value, Failed> {
    match speaks.schema {
        VertexSchema::PathFoundation => path(cases, model, speaks, read(instance)?),
        VertexSchema::DermFoundation => derm(cases, model, read(instance)?),
        VertexSchema::CxrFoundation => cxr(cases, model, read(instance)?),
        VertexSchema::Medsiglip => medsiglip(cases, model, speaks, read(instance)?),
    }
}

fn read<'a, T: Deserialize<'a>>(instance: &'a Value) -> Result<T, Failed> {
    T::deserialize(instance).map_err(|error| Failed::field(error.to_string()))
}

/// Sources of a picture that this server does not fetch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Elsewhere {
    dicom_path: Option<Value>,
    dicomweb_uri: Option<Value>,
    image_file_uri: Option<Value>,
    gcs_uri: Option<Value>,
    image_url: Option<Value>,
    bearer_token: Option<String>,
    access_credential: Option<Value>,
}

/// The inline bytes, where they are the only source.
fn inline(bytes: Option<&str>, field: &str, other: &Elsewhere) -> Result<Arc<[u8]>, Failed> {
    let dicom = other.dicom_path.is_some() || other.dicomweb_uri.is_some();
    let bucket = other.image_file_uri.is_some() || other.gcs_uri.is_some();
    let sources = [bytes.is_some(), dicom, bucket, other.image_url.is_some()];
    if sources.into_iter().filter(|&given| given).count() != 1 {
        return Err(Failed::field(format!("give exactly one source, such as {field}")));
    }
    let here = "this server reads inline bytes alone";
    if dicom {
        let said = format!("no DICOM store is approved: {here}");
        return Err(Failed::new("UNAPPROVED_DICOM_STORE_ERROR", said));
    }
    if bucket {
        let said = format!("no bucket is approved: {here}");
        return Err(Failed::new("UNAPPROVED_GCS_BUCKET_ERROR", said));
    }
    let Some(bytes) = bytes else {
        return Err(Failed::new("HTTP_ERROR", format!("no address is approved: {here}")));
    };
    if other.bearer_token.is_some() || other.access_credential.is_some() {
        return Err(Failed::field(format!("credentials do not go with {field}")));
    }
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(bytes);
    decoded.map(Into::into).map_err(|error| Failed::field(format!("{field}: {error}")))
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Coordinate {
    x_origin: u32,
    y_origin: u32,
    width: Option<u32>,
    height: Option<u32>,
}

impl Coordinate {
    fn patch(self, side: u32) -> Patch {
        Patch {
            x: self.x_origin,
            y: self.y_origin,
            width: self.width.unwrap_or(side),
            height: self.height.unwrap_or(side),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Extensions {
    image_dimensions: Option<Dimensions>,
    transform_imaging_to_icc_profile: Option<String>,
    require_patches_fully_in_source_image: Option<bool>,
    #[serde(rename = "ez_wsi_state")]
    _state: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dimensions {
    width_px: u32,
    height_px: u32,
}

#[derive(Debug, Deserialize)]
struct PathInstance {
    patch_coordinates: Vec<Coordinate>,
    raw_image_bytes: Option<String>,
    #[serde(default)]
    extensions: Extensions,
    #[serde(flatten)]
    other: Elsewhere,
}

fn path(
    cases: &Cases,
    model: &str,
    speaks: &Speaks,
    instance: PathInstance,
) -> Result<Value, Failed> {
    let bytes = inline(instance.raw_image_bytes.as_deref(), "raw_image_bytes", &instance.other)?;
    let coordinates = &instance.patch_coordinates;
    let found = patches(cases, model, speaks, (bytes, coordinates, &instance.extensions))?;
    Ok(json!({"result": {"patch_embeddings": found}}))
}

/// Patches with their vectors.
fn patches(
    cases: &Cases,
    model: &str,
    speaks: &Speaks,
    (picture, coordinates, extensions): (Arc<[u8]>, &[Coordinate], &Extensions),
) -> Result<Vec<Value>, Failed> {
    if coordinates.is_empty() {
        return Err(Failed::field("patch coordinates are one or more"));
    }
    match extensions.transform_imaging_to_icc_profile.as_deref() {
        None | Some("NONE") => {}
        Some(other) => {
            let said = format!("pixels are not transformed to {other:?} here: NONE");
            return Err(Failed::new("INVALID_ICC_PROFILE_TRANSFORM_ERROR", said));
        }
    }
    let patches: Vec<Patch> = coordinates.iter().map(|one| one.patch(speaks.side)).collect();
    let resize = extensions.image_dimensions.map(|size| (size.width_px, size.height_px));
    let fill = !extensions.require_patches_fully_in_source_image.unwrap_or(true);
    let request = PatchRequest { picture, patches, resize, fill };
    let vectors = cases.predict_patches(model, &request)?;
    let pairs = request.patches.iter().zip(vectors);
    let one = |(patch, vector): (&Patch, Vector)| {
        let Patch { x, y, width, height } = *patch;
        json!({
            "patch_coordinate": {"x_origin": x, "y_origin": y, "width": width, "height": height},
            "embedding_vector": rows(&vector),
        })
    };
    Ok(pairs.map(one).collect())
}

fn rows(vector: &Vector) -> Value {
    match vector {
        Vector::One(row) => json!(row),
        Vector::Many(rows) => json!(rows.rows().collect::<Vec<_>>()),
    }
}

#[derive(Debug, Deserialize)]
struct DermInstance {
    input_bytes: Option<String>,
    #[serde(flatten)]
    other: Elsewhere,
}

fn derm(cases: &Cases, model: &str, instance: DermInstance) -> Result<Value, Failed> {
    let bytes = inline(instance.input_bytes.as_deref(), "input_bytes", &instance.other)?;
    Ok(json!({"embedding": whole(cases, model, &bytes)?}))
}

/// The vector of a whole picture.
fn whole(cases: &Cases, model: &str, bytes: &Arc<[u8]>) -> Result<Value, Failed> {
    let outputs = cases.predict_outputs(model, bytes)?;
    let mut first = outputs.into_iter().next().map(|(_, rows)| rows).unwrap_or_default();
    Ok(if first.len() == 1 { json!(first.remove(0)) } else { json!(first) })
}

#[derive(Debug, Deserialize)]
struct CxrInstance {
    input_bytes: Option<String>,
    prompt_query: Option<String>,
    #[serde(flatten)]
    other: Elsewhere,
}

/// The containers' names of the Q-Former's outputs.
const CXR_NAMES: [(&str, &str); 2] =
    [("img_emb", "general_img_emb"), ("all_contrastive_img_emb", "contrastive_img_emb")];

fn cxr(cases: &Cases, model: &str, instance: CxrInstance) -> Result<Value, Failed> {
    let mut found = Map::new();
    if let Some(prompt) = &instance.prompt_query {
        let vector = cases.predict_text(model, prompt)?;
        found.insert("contrastive_txt_emb".to_owned(), json!(vector));
    }
    let other = &instance.other;
    let elsewhere = other.dicomweb_uri.is_some() || other.gcs_uri.is_some();
    if instance.input_bytes.is_some() || elsewhere || found.is_empty() {
        let bytes = inline(instance.input_bytes.as_deref(), "input_bytes", other)?;
        for (name, rows) in cases.predict_outputs(model, &bytes)? {
            let known = CXR_NAMES.iter().find(|(own, _)| *own == name);
            let name = known.map_or(name.as_str(), |(_, name)| name);
            found.insert(name.to_owned(), json!(rows));
        }
    }
    Ok(Value::Object(found))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiglipInstance {
    image: Option<SiglipImage>,
    text: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SiglipImage {
    input_bytes: Option<String>,
    patch_coordinates_list: Option<Vec<Coordinate>>,
    #[serde(default)]
    extensions: Extensions,
    #[serde(flatten)]
    other: Elsewhere,
}

fn medsiglip(
    cases: &Cases,
    model: &str,
    speaks: &Speaks,
    instance: SiglipInstance,
) -> Result<Value, Failed> {
    let mut found = match (&instance.image, &instance.text) {
        (None, Some(text)) => {
            json!({"embedding": cases.predict_text(model, text)?, "input_type": "text"})
        }
        (Some(image), None) => {
            let bytes = inline(image.input_bytes.as_deref(), "input_bytes", &image.other)?;
            match &image.patch_coordinates_list {
                Some(list) => {
                    let found = patches(cases, model, speaks, (bytes, list, &image.extensions))?;
                    json!({"patch_embeddings": found, "input_type": "image"})
                }
                None => json!({"embedding": whole(cases, model, &bytes)?, "input_type": "image"}),
            }
        }
        _ => return Err(Failed::field("give image or text")),
    };
    for (key, value) in
        [("model_temperature", speaks.logit_scale), ("model_bias", speaks.logit_bias)]
    {
        if let (Some(found), Some(value)) = (found.as_object_mut(), value) {
            found.insert(key.to_owned(), json!(value));
        }
    }
    Ok(found)
}
