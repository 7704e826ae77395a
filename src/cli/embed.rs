//! `vitrail embed`: pictures into a file of vectors, without a store.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use vitrail_cases::{Cases, Embedded};
use vitrail_embed::Models;
use vitrail_exchange::{Format, Origin, Row, write_rows};
use vitrail_ingest::{WalkOptions, walk};

use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
pub struct Options {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The model; the default one when left out.
    #[arg(short, long, default_value = Models::DEFAULT)]
    model: String,
    /// FILE.npy (with FILE.ids.csv beside it), FILE.parquet or FILE.jsonl.
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Only relative paths that match one of these globs.
    #[arg(long)]
    include: Vec<String>,
    /// No relative path that matches one of these globs.
    #[arg(long)]
    exclude: Vec<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// A picture to embed.
struct Source {
    /// As the user would name it: the path that was given, and what is within it.
    name: String,
    /// The file, links resolved.
    file: PathBuf,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    Format::of(&options.out)?;
    let (sources, files) = sources_of(options)?;
    let cases = Cases::new(open::models(&arguments.models)?);
    let shows_progress = !options.json && io::stderr().is_terminal();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let embedded = cases.embed_files(&options.model, &files, threads, &|done| {
        if shows_progress {
            let _ = write!(io::stderr(), "\r{done} of {}   ", files.len());
        }
    })?;
    let written = if embedded.vectors.is_empty() {
        Vec::new()
    } else {
        write(&options.out, &sources, &embedded)?
    };
    tell(options, &sources, &embedded, (&written, started.elapsed().as_secs_f64()))?;
    Ok(if written.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Every picture once, in the order in which the paths were given.
fn sources_of(options: &Options) -> Result<(Vec<Source>, Vec<PathBuf>), Failure> {
    let globs = WalkOptions { include: options.include.clone(), exclude: options.exclude.clone() };
    let mut seen = std::collections::HashSet::new();
    let mut sources = Vec::new();
    for given in &options.paths {
        let is_folder = given.is_dir();
        let walked = walk(std::slice::from_ref(given), &globs)?;
        for one in walked.refused {
            tracing::warn!(path = %one.path.display(), why = %one.refusal, "passed over");
        }
        for found in walked.found {
            if seen.insert(found.path.clone()) {
                let name = if is_folder { given.join(&found.relative) } else { given.clone() };
                let name = name.to_string_lossy().into_owned();
                sources.push(Source { name, file: found.path });
            }
        }
    }
    let files = sources.iter().map(|source| source.file.clone()).collect();
    Ok((sources, files))
}

fn write(out: &Path, sources: &[Source], embedded: &Embedded) -> Result<Vec<PathBuf>, Failure> {
    let ids: Vec<String> = embedded.vectors.iter().map(|one| hex(&one.sha256)).collect();
    let rows = ids.iter().zip(&embedded.vectors).filter_map(|(id, one)| {
        let path = sources.get(one.file)?.name.as_str();
        Some(Row { id, path, vector: &one.vector })
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let origin = Origin { model: &embedded.model, contract: &embedded.contract };
    Ok(write_rows(out, &rows, origin)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tell(
    options: &Options,
    sources: &[Source],
    embedded: &Embedded,
    (written, seconds): (&[PathBuf], f64),
) -> Result<(), Failure> {
    if options.json {
        print(&summary(sources, embedded, (written, seconds)))?;
        return Ok(());
    }
    let mut out = io::stdout().lock();
    for one in &embedded.refused {
        let name = sources.get(one.file).map_or("", |source| &source.name);
        writeln!(out, "refused {name}: {}: {}", one.code, one.message)?;
    }
    let (count, refused) = (embedded.vectors.len(), embedded.refused.len());
    let rate = count as f64 / seconds.max(1e-9);
    writeln!(out, "{count} embedded, {refused} refused in {seconds:.1} s, {rate:.1} a second")?;
    if written.is_empty() {
        writeln!(out, "nothing was written: no picture could be embedded")?;
    }
    for path in written {
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(())
}

fn summary(
    sources: &[Source],
    embedded: &Embedded,
    (written, seconds): (&[PathBuf], f64),
) -> Value {
    let refused = embedded.refused.iter().map(|one| {
        let path = sources.get(one.file).map(|source| source.name.as_str());
        json!({"path": path, "code": one.code.name(), "message": one.message})
    });
    json!({
        "embedded": embedded.vectors.len(),
        "refused": refused.collect::<Vec<_>>(),
        "dim": embedded.dim.get(),
        "model": embedded.model,
        "contract": embedded.contract,
        "out": written.first(),
        "ids": written.get(1),
        "seconds": seconds,
    })
}
