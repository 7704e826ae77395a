//! `vitrail demo`: from nothing to a page with pictures on it.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use vitrail_api::contract::similar::{SimilarRequest, answer, request as read};
use vitrail_cases::Cases;
use vitrail_collection::{Catalog, Collection};
use vitrail_domain::{Cancel, Change, CollectionName, Role, Roles};
use vitrail_jobs::{IngestSpec, Jobs};
use vitrail_sources::Settings;

use super::progress::{self, Screen};
use super::{Arguments, serve, similar};
use crate::demo;
use crate::open::{self, Failure};
use crate::server::Serving;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vitrail demo
  vitrail demo my-pictures/ --metadata my-pictures/table.csv
  vitrail demo --no-serve")]
pub struct Options {
    /// Your own pictures instead of the synthetic atlas.
    folder: Option<PathBuf>,
    /// The table of your own pictures; its column `file` names the picture.
    #[arg(long, requires = "folder")]
    metadata: Option<PathBuf>,
    /// Where the synthetic pictures are drawn to.
    #[arg(long, default_value = "./vitrail-demo")]
    atlas: PathBuf,
    /// A folder of real pictures with a table `pictures.csv`.
    #[arg(long)]
    pictures: Option<PathBuf>,
    /// The address to serve at.
    #[arg(long, default_value = "127.0.0.1:6333")]
    listen: SocketAddr,
    /// Stop after the answer of the query.
    #[arg(long)]
    no_serve: bool,
}

/// What one collection is filled from.
struct Load {
    collection: CollectionName,
    folder: PathBuf,
    table: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let loads = match &options.folder {
        Some(folder) => vec![own(folder, options.metadata.clone())?],
        None => synthetic(options)?,
    };
    let first = loads.first().map(|load| load.collection.clone()).ok_or("nothing to load")?;
    let models = open::models(&arguments.models)?;
    let catalog = open::catalog(&arguments.store, true)?;
    let jobs = Jobs::open(open::ingest(catalog.clone(), models.clone(), Settings::default()))?;
    for load in &loads {
        ingest(&jobs, load)?;
    }
    if options.folder.is_none() {
        label_tiles(&catalog)?;
    }
    ask(&catalog, &Cases::new(models), &first)?;
    drop(jobs);
    catalog.close();
    drop(catalog);
    if options.no_serve {
        return Ok(ExitCode::SUCCESS);
    }
    let serving = Serving {
        listen: options.listen,
        key: None,
        roots: loads.into_iter().map(|load| load.folder).collect(),
        sources: Settings::default(),
        models: arguments.models.clone(),
    };
    serve::until_stopped(arguments, serving)
}

fn synthetic(options: &Options) -> Result<Vec<Load>, Failure> {
    let real = options.pictures.as_deref();
    let parts = demo::parts(&options.atlas, real, &|words| say(words))?;
    let load = |part: demo::Part| -> Result<Load, Failure> {
        let collection = part.collection.parse()?;
        Ok(Load { collection, folder: part.folder, table: Some(part.table) })
    };
    parts.into_iter().map(load).collect()
}

/// The user's folder, named after itself, with the only table in it where none is named.
fn own(folder: &Path, metadata: Option<PathBuf>) -> Result<Load, Failure> {
    let full = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = full.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_matches('-');
    let collection = if name.is_empty() { "pictures" } else { name }.parse()?;
    let table = match metadata {
        Some(table) => Some(table),
        None => only_table(&full)?,
    };
    Ok(Load { collection, folder: full, table })
}

fn only_table(folder: &Path) -> Result<Option<PathBuf>, Failure> {
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv")) {
            tables.push(path);
        }
    }
    match tables.len() {
        0 | 1 => Ok(tables.pop()),
        count => {
            Err(format!("{} has {count} tables: name one with --metadata", folder.display()).into())
        }
    }
}

fn ingest(jobs: &Jobs, load: &Load) -> Result<(), Failure> {
    say(&format!("loading {} into the collection {}", load.folder.display(), load.collection));
    let mut spec = IngestSpec::new(load.collection.clone(), vec![load.folder.clone()]);
    spec.metadata.clone_from(&load.table);
    let job = jobs.add(spec)?;
    let ended = jobs.run_here(job.id, &Cancel::new(), &Screen::new(false))?;
    progress::finish(&ended, false)?;
    Ok(())
}

/// Writes what is true of each synthetic tile into its payload, so that there is something to
/// filter and to probe.
fn label_tiles(catalog: &Catalog) -> Result<(), Failure> {
    let collection = catalog.get(&demo::SLIDE.parse()?)?;
    let slide = demo::the_atlas().slide();
    let view = collection.view();
    let mut changes = Vec::new();
    for slot in view.live.iter() {
        let Some(record) = view.records.record(slot) else { continue };
        let number = |key: &str| {
            let tile = record.payload.fields().get("vitrail")?.get("tile")?;
            u32::try_from(tile.get(key)?.as_u64()?).ok()
        };
        let [x, y, width, height] = ["x", "y", "width", "height"].map(number);
        if let (Some(x), Some(y), Some(width), Some(height)) = (x, y, width, height) {
            let truth = slide.truth_at(x + width / 2, y + height / 2);
            changes.push(Change::MergePayload(record.id, truth));
        }
    }
    if !changes.is_empty() {
        collection.apply(changes)?;
    }
    let label = [(Role::Label, "label".parse()?)];
    Ok(collection.add_roles(&Roles(label.into_iter().collect()))?)
}

/// Asks for pictures like the first one and prints the answer, as `vitrail similar` does.
fn ask(catalog: &Catalog, cases: &Cases, name: &CollectionName) -> Result<(), Failure> {
    let collection = catalog.get(name)?;
    let view = collection.view();
    let Some(first) = view.live.iter().next().and_then(|slot| view.records.record(slot)) else {
        return Ok(());
    };
    let wire = SimilarRequest {
        id: Some(first.id.into()),
        k: Some(5),
        exclude_same: own_roles(&collection),
        ..SimilarRequest::default()
    };
    let request = read(&wire, None, &collection.spec().roles)?;
    let started = std::time::Instant::now();
    let found = cases.similar(&collection, &request)?;
    let shown = answer(&found, started.elapsed().as_secs_f64() * 1000.0);
    let uri = first.payload.fields().get("vitrail").and_then(|own| own.pointer("/source/uri"));
    let uri = uri.and_then(Value::as_str).unwrap_or("the first picture");
    let shown = serde_json::to_value(shown)?;
    let ms = shown.pointer("/explain/total_ms").and_then(Value::as_f64).unwrap_or_default();
    say(&format!("the pictures of {name} most like {uri}, others' only, in {ms:.1} ms:"));
    similar::table(&shown)?;
    Ok(())
}

/// The roles by which a picture's own are left out.
fn own_roles(collection: &Collection) -> Vec<String> {
    let roles = collection.spec().roles;
    let personal = [Role::Patient, Role::Lesion];
    personal.iter().filter(|role| roles.path(**role).is_some()).map(ToString::to_string).collect()
}

fn say(words: &str) {
    let _ = writeln!(io::stderr(), "[demo] {words}");
}
