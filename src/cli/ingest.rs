//! `vitrail ingest`: pictures into a collection, with progress, Ctrl-C and resume.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use vitrail_api::contract::job::{IngestRequest, Scales};
use vitrail_domain::{Cancel, Mpp};
use vitrail_ingest::deid::Keep;
use vitrail_ingest::dicom::{DicomOptions, FrameChoice};
use vitrail_jobs::{IngestSpec, Jobs, Regions};
use vitrail_sources::Address;

use super::far::{Stores, Who};
use super::progress::{self, Screen};
use super::{Arguments, jobs};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vitrail ingest pictures/ -c skin --metadata pictures/table.csv
  vitrail ingest slides/ -c slides --tile-mpp 0.5,1,2
  vitrail ingest old.tif -c slides --mpp 0.25 --regions old.geojson
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
    /// Micrometres a pixel of slides, whatever they say themselves. A slide has one scale, so
    /// several (0.5,1,2) are those of the tiles.
    #[arg(long, value_delimiter = ',')]
    mpp: Vec<f64>,
    /// Micrometres a pixel of the tiles cut from slides, or several: 0.5,1,2. The model's own scale
    /// when left out.
    #[arg(long, value_delimiter = ',')]
    tile_mpp: Vec<f64>,
    /// Only tiles whose middle lies in a polygon of this GeoJSON file (level-0 pixels, as QuPath
    /// exports it); of a folder NAME.geojson is for the slide NAME.
    #[arg(long)]
    regions: Option<PathBuf>,
    /// Only relative paths that match one of these globs.
    #[arg(long)]
    include: Vec<String>,
    /// No relative path that matches one of these globs.
    #[arg(long)]
    exclude: Vec<String>,
    /// What is kept of DICOM files beyond the basic profile of PS3.15: uids, dates, device,
    /// institution, patient (sex and age); on this computer's own store.
    #[arg(long = "dicom-keep")]
    dicom_keep: Vec<String>,
    /// Take DICOM pictures that say that an identity may be burnt into them.
    #[arg(long)]
    allow_burned_in: bool,
    /// The frame of DICOM files of many, counted from 1; the middle one when left out.
    #[arg(long)]
    frame: Option<u32>,
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
        if dicom_of(options)? != DicomOptions::default() {
            return Err(
                "--dicom-keep, --allow-burned-in and --frame work on a store, not through \
                        a server"
                    .into(),
            );
        }
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
    let request = request_of(options)?;
    let slide = request.mpp.map(Mpp::new).transpose();
    spec.slide_mpp = slide.map_err(|error| format!("--mpp: {error}"))?;
    let tiles = request.tile_mpp.as_ref().map(Scales::read).transpose();
    spec.tile_mpp = tiles.map_err(|error| error.to_string())?.unwrap_or_default();
    spec.regions = options.regions.clone().map(Regions::Path);
    spec.dicom = dicom_of(options)?;
    for (name, path) in roles_of(options)? {
        spec.roles.0.insert(name.parse()?, path.parse()?);
    }
    Ok(spec)
}

/// What `--mpp` and `--tile-mpp` say of slides and of tiles.
fn scales_of(options: &Options) -> Result<(Option<f64>, &[f64]), Failure> {
    match (options.mpp.as_slice(), options.tile_mpp.as_slice()) {
        ([], tiles) => Ok((None, tiles)),
        ([slide], tiles) => Ok((Some(*slide), tiles)),
        (tiles, []) => Ok((None, tiles)),
        _ => Err("--mpp takes one scale, that of the slides, where --tile-mpp is given".into()),
    }
}

fn dicom_of(options: &Options) -> Result<DicomOptions, Failure> {
    let keep = options.dicom_keep.iter().map(|name| name.parse::<Keep>());
    Ok(DicomOptions {
        keep: keep.collect::<Result<_, _>>()?,
        allow_burned_in: options.allow_burned_in,
        frame: options.frame.map_or(FrameChoice::Middle, FrameChoice::Number),
    })
}

/// The same for a server, which may stand in another folder.
fn request_of(options: &Options) -> Result<IngestRequest, Failure> {
    let absolute = |path: &Path| {
        let full = std::path::absolute(path);
        full.map(|full| full.to_string_lossy().into_owned())
    };
    let (slide, tiles) = scales_of(options)?;
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
        mpp: slide,
        tile_mpp: (!tiles.is_empty()).then(|| Scales::Many(tiles.to_vec())),
        regions: options.regions.as_deref().map(absolute).transpose()?.map(Value::String),
        include: options.include.clone(),
        exclude: options.exclude.clone(),
        roles: roles_of(options)?,
    })
}
