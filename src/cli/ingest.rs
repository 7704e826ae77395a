//! `vitrail ingest`: pictures into a collection, with progress, Ctrl-C and resume.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use vitrail_domain::{Cancel, PointId};
use vitrail_jobs::{Ended, IngestSpec, Jobs, Progress, Refused, Watch};

use super::Arguments;
use crate::open::{self, Failure};

#[derive(Debug, Args)]
pub struct Options {
    /// Files and folders.
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
    /// Only relative paths that match one of these globs.
    #[arg(long)]
    include: Vec<String>,
    /// No relative path that matches one of these globs.
    #[arg(long)]
    exclude: Vec<String>,
    /// One line a durable batch, the summary last.
    #[arg(long)]
    json: bool,
}

/// Exit code of a run that was stopped by Ctrl-C.
const INTERRUPTED: u8 = 130;

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let spec = spec_of(options)?;
    let models = open::models(&arguments.models)?;
    let catalog = open::catalog(&arguments.store, true)?;
    let jobs = Jobs::open(open::ingest(catalog.clone(), models))?;
    let cancel = Cancel::new();
    let flag = cancel.clone();
    ctrlc::set_handler(move || flag.cancel())?;
    let job = jobs.add(spec)?;
    let ended = jobs.run_here(job.id, &cancel, &Screen { json: options.json })?;
    catalog.close();
    finish(options, &ended)
}

fn spec_of(options: &Options) -> Result<IngestSpec, Failure> {
    let mut spec = IngestSpec::new(options.collection.parse()?, options.paths.clone());
    spec.metadata.clone_from(&options.metadata);
    spec.model.clone_from(&options.model);
    spec.include.clone_from(&options.include);
    spec.exclude.clone_from(&options.exclude);
    for role in &options.roles {
        let (name, path) = role.split_once('=').ok_or("--role takes ROLE=PATH")?;
        spec.roles.0.insert(name.parse()?, path.parse()?);
    }
    Ok(spec)
}

fn finish(options: &Options, ended: &Ended) -> Result<ExitCode, Failure> {
    let summary = &ended.summary;
    let mut out = io::stdout().lock();
    if options.json {
        writeln!(out, "{}", summary_json(summary))?;
    } else {
        for Refused { path, code, message } in &summary.refused {
            writeln!(out, "refused {path}: {code}: {message}")?;
        }
        writeln!(
            out,
            "{} ingested, {} skipped, {} refused in {:.1} s, {:.1} a second",
            summary.ingested,
            summary.skipped,
            summary.refused_count,
            summary.seconds,
            summary.images_per_second()
        )?;
    }
    Ok(if ended.cancelled { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

fn summary_json(summary: &Progress) -> Value {
    let refused = summary.refused.iter().map(|Refused { path, code, message }| {
        json!({"path": path, "code": code.name(), "message": message})
    });
    json!({
        "ingested": summary.ingested,
        "skipped": summary.skipped,
        "refused": refused.collect::<Vec<_>>(),
        "exact_duplicates": summary.exact_duplicates,
        "seconds": summary.seconds,
        "images_per_second": summary.images_per_second(),
    })
}

/// What a person, or a script, sees while it runs.
struct Screen {
    json: bool,
}

impl Watch for Screen {
    fn acknowledged(&self, ids: &[PointId]) {
        if self.json {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{}", json!({ "acknowledged": ids }));
            let _ = out.flush();
        }
    }

    fn moved(&self, progress: &Progress) {
        if self.json || !io::stderr().is_terminal() {
            return;
        }
        let left =
            progress.seconds_left().map_or(String::new(), |left| format!(", {left:.0} s left"));
        let (done, total, rate) = (progress.done(), progress.total, progress.images_per_second());
        let _ = write!(io::stderr(), "\r{done} of {total}, {rate:.1} a second{left}   ");
    }
}
