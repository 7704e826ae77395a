//! `vitrail check`: reads all stored data, verifies every checksum, and tells what is damaged.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Map, Value, json};
use vitrail_domain::Cancel;
use vitrail_store::{CollectionFindings, Findings, Problems, Store, StoreOptions};

use super::{Arguments, print};
use crate::open::Failure;

#[derive(Debug, Args)]
pub struct Options {
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// Exit code of a run that was stopped by Ctrl-C.
const INTERRUPTED: u8 = 130;

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    arguments.refuse_remote("check")?;
    if !Store::exists(&arguments.store) {
        return Err(format!("there is no store at {}", arguments.store.display()).into());
    }
    let started = Instant::now();
    let store = Store::open(&arguments.store, StoreOptions::default())?;
    let cancel = Cancel::new();
    let flag = cancel.clone();
    ctrlc::set_handler(move || flag.cancel())?;
    let findings = store.check(&cancel);
    let seconds = started.elapsed().as_secs_f64();
    let problems = findings.problem_count();
    if options.json {
        print(&document(&findings, cancel.is_cancelled(), seconds))?;
    } else {
        tell(&mut io::stdout().lock(), &findings, seconds)?;
    }
    if cancel.is_cancelled() {
        writeln!(io::stderr(), "stopped: what was not read yet is not known to be sound")?;
    }
    Ok(match (problems, cancel.is_cancelled()) {
        (1.., _) => ExitCode::FAILURE,
        (0, true) => ExitCode::from(INTERRUPTED),
        (0, false) => ExitCode::SUCCESS,
    })
}

fn tell(out: &mut impl io::Write, findings: &Findings, seconds: f64) -> io::Result<()> {
    for (name, found) in &findings.collections {
        let CollectionFindings { points, images, records, .. } = found;
        let vectors = found.vectors.iter().map(|(name, count)| format!(", {count} of {name}"));
        let vectors: String = vectors.collect();
        writeln!(out, "{name}: {points} points{vectors}, {images} images, {records} records")?;
        tell_problems(out, &found.problems)?;
    }
    writeln!(out, "uploads: {} files", findings.blobs)?;
    tell_problems(out, &findings.problems)?;
    match findings.problem_count() {
        0 => writeln!(out, "sound: nothing is damaged ({seconds:.1} s)"),
        1 => writeln!(out, "damaged: 1 problem; restore from a snapshot ({seconds:.1} s)"),
        more => writeln!(out, "damaged: {more} problems; restore from a snapshot ({seconds:.1} s)"),
    }
}

fn tell_problems(out: &mut impl io::Write, problems: &Problems) -> io::Result<()> {
    for problem in &problems.told {
        writeln!(out, "  problem: {problem}")?;
    }
    match problems.count.saturating_sub(problems.told.len() as u64) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more problems"),
    }
}

fn document(findings: &Findings, stopped: bool, seconds: f64) -> Value {
    let collections = findings.collections.iter().map(|(name, found)| {
        let vectors = found.vectors.iter().map(|(name, count)| (name.to_string(), json!(count)));
        let value = json!({
            "points": found.points,
            "vectors": vectors.collect::<Map<_, _>>(),
            "images": found.images,
            "records": found.records,
            "problem_count": found.problems.count,
            "problems": found.problems.told,
        });
        (name.to_string(), value)
    });
    json!({
        "sound": findings.problem_count() == 0 && !stopped,
        "complete": !stopped,
        "problem_count": findings.problem_count(),
        "collections": collections.collect::<Map<_, _>>(),
        "uploads": findings.blobs,
        "problems": findings.problems.told,
        "seconds": seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(findings: &Findings) -> String {
        let mut out = Vec::new();
        tell(&mut out, findings, 0.0).expect("told");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn problems_inside_a_collection_make_the_store_damaged() {
        let mut findings = Findings::default();
        assert!(told(&findings).ends_with("sound: nothing is damaged (0.0 s)\n"));
        assert_eq!(document(&findings, false, 0.0)["sound"], true);
        assert_eq!(document(&findings, true, 0.0)["sound"], false, "not all was read");
        let problems = Problems { told: vec!["a vector is short".to_owned()], count: 3 };
        let found = CollectionFindings { points: 7, problems, ..CollectionFindings::default() };
        findings.collections.insert("skin".parse().expect("a name"), found);
        let words = told(&findings);
        for line in ["skin: 7 points", "problem: a vector is short", "2 more", "damaged: 3"] {
            assert!(words.contains(line), "{line}: {words}");
        }
        let shown = document(&findings, false, 0.0);
        assert_eq!((&shown["sound"], &shown["problem_count"]), (&false.into(), &3.into()));
    }
}
