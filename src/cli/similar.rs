//! `vitrail similar`: the stored pictures most like a file or a stored point.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use vitrail_cases::{Cases, SimilarRequest, Subject};
use vitrail_domain::{Filter, Role, TopK};

use super::{Arguments, json, print};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
pub struct Options {
    /// A picture.
    #[arg(required_unless_present = "id", conflicts_with = "id")]
    image: Option<PathBuf>,
    /// A stored point.
    #[arg(long)]
    id: Option<String>,
    /// The collection.
    #[arg(short, long)]
    collection: String,
    /// Hits.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// Which vector, where the collection has several.
    #[arg(long)]
    using: Option<String>,
    /// Roles that hits must not share with the query: patient,lesion ...
    #[arg(long, value_delimiter = ',')]
    exclude_same: Vec<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let catalog = open::catalog(&arguments.store, false)?;
    let collection = catalog.get(&options.collection.parse()?)?;
    let cases = Cases::new(open::models(&arguments.models)?);
    let request = request_of(options)?;
    let started = Instant::now();
    let found = cases.similar(&collection, &request)?;
    let shown = json::similar(&found, started.elapsed().as_secs_f64() * 1000.0);
    if options.json {
        return print(&shown);
    }
    let mut out = io::stdout().lock();
    for hit in &found.answer.hits {
        let score = json::score(found.spec.metric, hit.distance);
        let percentile = hit.percentile.map_or("-".to_owned(), |share| format!("{share:.1}"));
        let label = hit.payload.fields().get("label").map(ToString::to_string).unwrap_or_default();
        writeln!(out, "{score:.5}  {percentile:>5}  {}  {label}", hit.id)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn request_of(options: &Options) -> Result<SimilarRequest, Failure> {
    let subject = match (&options.id, &options.image) {
        (Some(id), _) => Subject::Id(id.parse()?),
        (None, Some(image)) => {
            let unreadable = |error| format!("{} can't be read: {error}", image.display());
            Subject::Picture(std::fs::read(image).map_err(unreadable)?.into())
        }
        (None, None) => return Err("name a picture, or a point by --id".into()),
    };
    let roles = options.exclude_same.iter().map(|role| role.parse::<Role>());
    Ok(SimilarRequest {
        subject,
        using: options.using.as_deref().map(str::parse).transpose()?,
        k: TopK::new(options.k)?,
        ef: None,
        exact: true,
        filter: Filter::default(),
        exclude_same: roles.collect::<Result<_, _>>()?,
        same: BTreeMap::new(),
        group_by: None,
        percentiles: true,
    })
}
