//! What a person, or a script, sees of a running job.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};
use vitrail_api::contract::ingest::IngestSummary;
use vitrail_domain::PointId;
use vitrail_jobs::{Ended, Progress, Watch};

use crate::open::Failure;

/// Exit code of a run that was stopped by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Shows a job of this process.
pub struct Screen {
    json: bool,
    bar: bool,
}

impl Screen {
    /// One line a durable batch, or a line that moves where somebody looks.
    pub fn new(json: bool) -> Self {
        Self { json, bar: !json && io::stderr().is_terminal() }
    }

    /// The line that moves.
    pub fn line(&self, done: u64, total: Option<u64>, rate: f64, left: Option<f64>) {
        if !self.bar {
            return;
        }
        let of = total.map_or(String::new(), |total| format!(" of {total}"));
        let left = left.map_or(String::new(), |left| format!(", {left:.0} s left"));
        let _ = write!(io::stderr(), "\r\x1b[K{done}{of}, {rate:.1} a second{left}");
    }

    /// Clears the line that moves.
    pub fn clear(&self) {
        if self.bar {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
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
        let total = progress.complete.then_some(progress.total);
        self.line(progress.done(), total, progress.images_per_second(), progress.seconds_left());
    }
}

/// The end of a job of this process.
pub fn finish(ended: &Ended, json: bool) -> Result<ExitCode, Failure> {
    Screen::new(json).clear();
    let summary = serde_json::to_value(IngestSummary::from(&ended.summary))?;
    tell(&summary, json)?;
    Ok(if ended.cancelled { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// A summary, as one line of JSON or in words.
pub fn tell(summary: &Value, json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{summary}")?;
        return Ok(());
    }
    let text = |value: Option<&Value>| {
        value.and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
    };
    for refused in summary.get("refused").and_then(Value::as_array).into_iter().flatten() {
        let [path, code, message] = ["path", "code", "message"].map(|key| text(refused.get(key)));
        writeln!(out, "refused {path}: {code}: {message}")?;
    }
    let count = |key: &str| summary.get(key).and_then(Value::as_u64).unwrap_or_default();
    let number = |key: &str| summary.get(key).and_then(Value::as_f64).unwrap_or_default();
    writeln!(
        out,
        "{} ingested, {} skipped, {} refused in {:.1} s, {:.1} a second",
        count("ingested"),
        count("skipped"),
        count("refused_count"),
        number("seconds"),
        number("images_per_second")
    )?;
    Ok(())
}
