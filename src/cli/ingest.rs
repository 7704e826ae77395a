//! `vitrail ingest`: pictures into a collection, with progress, Ctrl-C and resume.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use vitrail_api::contract::job::IngestRequest;
use vitrail_domain::{Cancel, Mpp};
use vitrail_jobs::{IngestSpec, Jobs};
use vitrail_sources::Address;

use super::far::{Stores, Who};
use super::progress::{self, Screen};
use super::{Arguments, jobs};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vitrail ingest pictures/ -c skin --metadata pictures/table.csv
  vitrail ingest slides/ -c slides --mpp 0.25 --tile-mpp 0.5
  vitrail ingest films/ -c chest --metadata films.csv --role patient=patient_id --json
  vitrail ingest s3://bucket/scans/ -c scans
  vitrail ingest dicomweb+https://pacs/dicom-web/studies?ModalitiesInStudy=CR -c chest \\
      --token-file token")]
pub struct Options {
    /// Files and folders; or addresses: https://, s3://, gs://, dicomweb+https://.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The collection, made on first use.
    #[arg(short, long)]
    collection: String,
    /// The model; the default one when left out.
    #[arg(short, long)]
    model: Option<String>,
    /// A CSV table whose rows become payload; its column `file` names the picture.
    #[arg(long)]
    metadata: Option<PathBuf>,
    /// ROLE=PATH: which payload path plays patient, case, lesion, slide, site, label ...
    #[arg(long = "role")]
    roles: Vec<String>,
    /// Micrometres a pixel of slides, whatever they say themselves.
    #[arg(long)]
    mpp: Option<f64>,
    /// Micrometres a pixel of the tiles cut from slides; the model's own scale when left out.
    #[arg(long)]
    tile_mpp: Option<f64>,
    /// Only relative paths that match one of these globs.
    #[arg(long)]
    include: Vec<String>,
    /// No relative path that matches one of these globs.
    #[arg(long)]
    exclude: Vec<String>,
    #[command(flatten)]
    stores: Stores,
    #[command(flatten)]
    who: Who,
    /// One line a durable batch, the summary last.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    if let Some(remote) = arguments.remote()? {
        let path = format!("/v1/collections/{}/images", options.collection);
        let answer = remote.post(&path, &serde_json::to_value(request_of(options)?)?)?;
        let id = answer.pointer("/job/id").and_then(Value::as_str).ok_or("no job was named")?;
        return jobs::follow(&remote, id, options.json);
    }
    let spec = spec_of(options)?;
    let models = open::models(&arguments.models)?;
    let catalog = open::catalog(&arguments.store, true)?;
    let jobs = Jobs::open(open::ingest(catalog.clone(), models, options.stores.named()?))?;
    let cancel = Cancel::new();
    let flag = cancel.clone();
    ctrlc::set_handler(move || flag.cancel())?;
    let job = jobs.add(spec)?;
    let ended = jobs.run_here(job.id, &cancel, &Screen::new(options.json))?;
    catalog.close();
    progress::finish(&ended, options.json)
}

fn roles_of(options: &Options) -> Result<BTreeMap<String, String>, Failure> {
    let mut roles = BTreeMap::new();
    for role in &options.roles {
        let (name, path) = role.split_once('=').ok_or("--role takes ROLE=PATH")?;
        roles.insert(name.to_owned(), path.to_owned());
    }
    Ok(roles)
}

/// Paths and addresses apart.
fn places_of(options: &Options) -> Result<(Vec<PathBuf>, Vec<String>), Failure> {
    let (mut paths, mut sources) = (Vec::new(), Vec::new());
    for path in &options.paths {
        match path.to_str().filter(|text| Address::is_meant(text)) {
            None => paths.push(path.clone()),
            Some(text) => match Address::parse(text)? {
                Address::File(path) => paths.push(path),
                address => sources.push(address.to_string()),
            },
        }
    }
    Ok((paths, sources))
}

fn spec_of(options: &Options) -> Result<IngestSpec, Failure> {
    let (paths, sources) = places_of(options)?;
    let mut spec = IngestSpec::new(options.collection.parse()?, paths);
    if let Some(credentials) = options.who.read(&sources)? {
        spec.credentials = credentials.read()?;
    }
    spec.sources = sources;
    spec.metadata.clone_from(&options.metadata);
    spec.model.clone_from(&options.model);
    spec.include.clone_from(&options.include);
    spec.exclude.clone_from(&options.exclude);
    let mpp = |flag: &str, given: Option<f64>| {
        given.map(Mpp::new).transpose().map_err(|error| format!("{flag}: {error}"))
    };
    spec.slide_mpp = mpp("--mpp", options.mpp)?;
    spec.tile_mpp = mpp("--tile-mpp", options.tile_mpp)?;
    for (name, path) in roles_of(options)? {
        spec.roles.0.insert(name.parse()?, path.parse()?);
    }
    Ok(spec)
}

/// The same for a server, which may stand in another folder.
fn request_of(options: &Options) -> Result<IngestRequest, Failure> {
    let absolute = |path: &Path| {
        let full = std::path::absolute(path);
        full.map(|full| full.to_string_lossy().into_owned())
    };
    let (here, sources) = places_of(options)?;
    let mut paths: Vec<String> =
        here.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let credentials = options.who.read(&sources)?;
    paths.extend(sources);
    Ok(IngestRequest {
        paths,
        credentials,
        metadata: options.metadata.as_deref().map(absolute).transpose()?,
        model: options.model.clone(),
        mpp: options.mpp,
        tile_mpp: options.tile_mpp,
        include: options.include.clone(),
        exclude: options.exclude.clone(),
        roles: roles_of(options)?,
    })
}
