//! `vitrail quality`: the verdict on pictures, with its reasons and numbers. Needs no store.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use vitrail_ingest::quality::{Subject, judge};
use vitrail_ingest::{WalkOptions, read_picture_file, walk};

use crate::open::Failure;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vitrail quality pictures/
  vitrail quality tiles/ --tiles --json")]
pub struct Options {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The pictures are tiles of stained slides, which have bounds of their own.
    #[arg(long)]
    tiles: bool,
    /// One line a picture, with every number.
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let subject = if options.tiles { Subject::Tile(None) } else { Subject::Photograph };
    let walked = walk(&options.paths, &WalkOptions::default())?;
    let mut out = io::stdout().lock();
    for found in walked.found {
        let shown = match read_picture_file(&found.path) {
            Ok(picture) => {
                let started = Instant::now();
                let quality = judge(&picture.raster, subject);
                let micros = started.elapsed().as_micros() as u64;
                json!({"path": found.relative, "qc": quality.to_json(), "judged_us": micros})
            }
            Err(refusal) => json!({
                "path": found.relative,
                "refused": {"code": refusal.code.name(), "message": refusal.message},
            }),
        };
        if options.json {
            writeln!(out, "{shown}")?;
        } else {
            tell(&mut out, &shown)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Verdict, path, and what is wrong.
fn tell(out: &mut impl io::Write, shown: &Value) -> io::Result<()> {
    let text = |pointer: &str| shown.pointer(pointer).and_then(Value::as_str);
    let path = text("/path").unwrap_or_default();
    if let Some(message) = text("/refused/message") {
        return writeln!(out, "refused  {path}  {message}");
    }
    let reasons = shown.pointer("/qc/reasons").and_then(Value::as_array).into_iter().flatten();
    let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
    let verdict = text("/qc/verdict").unwrap_or_default();
    writeln!(out, "{verdict:<7}  {path}  {}", reasons.join(", "))
}
