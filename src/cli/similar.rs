//! `vitrail similar`: the stored pictures most like a file or a stored point.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use base64::Engine as _;
use clap::Args;
use serde_json::Value;
use vitrail_api::contract::geojson::hits_as_features;
use vitrail_api::contract::id::Id;
use vitrail_api::contract::similar::{SimilarRequest, answer, request as read};
use vitrail_cases::Cases;

use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vitrail similar picture.jpg -c skin -k 5 --exclude-same lesion
  vitrail similar --id 67e55044-10b1-426f-9247-bb680e5fe0c8 -c skin --json
  vitrail similar --text "a melanoma on the back" -c skin
  vitrail similar picture.jpg -c skin \\
    --filter '{\"must\": [{\"key\": \"label\", \"match\": {\"value\": \"NEV\"}}]}'
  vitrail --url http://127.0.0.1:6333 similar picture.jpg -c skin --group-by patient")]
pub struct Options {
    /// A picture.
    #[arg(required_unless_present_any = ["id", "text"], conflicts_with_all = ["id", "text"])]
    image: Option<PathBuf>,
    /// A stored point.
    #[arg(long)]
    id: Option<String>,
    /// Words, where the collection's model has a text tower.
    #[arg(long, conflicts_with = "id")]
    text: Option<String>,
    /// The collection.
    #[arg(short, long)]
    collection: String,
    /// Hits.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// Which vector, where the collection has several.
    #[arg(long)]
    using: Option<String>,
    /// What hits must pass, as JSON: {"must": [...], "should": [...], "must_not": [...]}.
    #[arg(long)]
    filter: Option<String>,
    /// Only pictures of this quality or better: pass, or warn.
    #[arg(long)]
    quality: Option<String>,
    /// Roles that hits must not share with the query: patient,lesion ...
    #[arg(long, value_delimiter = ',')]
    exclude_same: Vec<String>,
    /// ROLE=VALUE: who the picture is of, where the store can't know.
    #[arg(long)]
    same: Vec<String>,
    /// A role or a payload path: answers in groups, k counts groups.
    #[arg(long)]
    group_by: Option<String>,
    /// Hits of a group.
    #[arg(long, requires = "group_by")]
    group_size: Option<usize>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
    /// Hits that are tiles as GeoJSON in level-0 pixels, for QuPath.
    #[arg(long, conflicts_with = "json")]
    geojson: bool,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let wire = wire_of(options)?;
    let picture = options.image.as_ref().map(read_picture).transpose()?;
    let shown = match arguments.remote()? {
        Some(remote) => {
            let image =
                picture.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
            let body = serde_json::to_value(SimilarRequest { image, ..wire })?;
            remote.post(&format!("/v1/collections/{}/similar", options.collection), &body)?
        }
        None => here(arguments, options, &wire, picture)?,
    };
    match (options.json, options.geojson) {
        (true, _) => print(&shown),
        (_, true) => print(&hits_as_features(&shown)),
        _ => table(&shown),
    }
}

/// Answers from the store itself.
fn here(
    arguments: &Arguments,
    options: &Options,
    wire: &SimilarRequest,
    picture: Option<Vec<u8>>,
) -> Result<Value, Failure> {
    let catalog = open::catalog(&arguments.store, false)?;
    let collection = catalog.get(&options.collection.parse()?)?;
    let cases = Cases::new(open::models(&arguments.models)?);
    let request = read(wire, picture.map(Into::into), &collection.spec().roles)?;
    let started = Instant::now();
    let found = cases.similar(&collection, &request)?;
    let total_ms = started.elapsed().as_secs_f64() * 1000.0;
    Ok(serde_json::to_value(answer(&found, total_ms))?)
}

fn read_picture(path: &PathBuf) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn wire_of(options: &Options) -> Result<SimilarRequest, Failure> {
    let filter = options.filter.as_deref().map(serde_json::from_str).transpose();
    let mut same = BTreeMap::new();
    for said in &options.same {
        let (role, value) = said.split_once('=').ok_or("--same takes ROLE=VALUE")?;
        same.insert(role.to_owned(), value.to_owned());
    }
    Ok(SimilarRequest {
        id: options.id.clone().map(Id::Text),
        text: options.text.clone(),
        using: options.using.clone(),
        k: Some(options.k),
        filter: filter.map_err(|error| format!("--filter is no JSON: {error}"))?,
        quality: options.quality.clone(),
        exclude_same: options.exclude_same.clone(),
        same,
        group_by: options.group_by.clone(),
        group_size: options.group_size,
        ..SimilarRequest::default()
    })
}

/// Hits line by line: score, percentile, id, and what a person knows the picture by.
pub fn table(shown: &Value) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    let hits = shown.get("hits").and_then(Value::as_array).into_iter().flatten();
    let mut lines = 0;
    writeln!(out, "  score  nearer than  id                                    picture")?;
    for hit in hits {
        let score = hit.get("score").and_then(Value::as_f64).unwrap_or(f64::NAN);
        let percentile = hit.get("percentile").and_then(Value::as_f64);
        let percentile = percentile.map_or("-".to_owned(), |share| format!("{share:.1} %"));
        let id = hit.get("id").map(text).unwrap_or_default();
        writeln!(out, "{score:7.4}  {percentile:>11}  {id:<36}  {}", known_by(hit))?;
        lines += 1;
    }
    if lines == 0 {
        writeln!(out, "nothing passes the filter")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The label and the file's path, as far as the payload has them.
fn known_by(hit: &Value) -> String {
    let payload = hit.get("payload");
    let label = payload.and_then(|payload| payload.get("label")).map(text);
    let uri = payload.and_then(|payload| payload.pointer("/vitrail/source/uri")).map(text);
    label.into_iter().chain(uri).collect::<Vec<_>>().join("  ")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
