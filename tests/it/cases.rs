//! Hostile files through the ingest job: a named error within time and memory bounds, and no harm
//! to the neighbours.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use vitrail_domain::{Code, PointRecord};
use vitrail_ingest::Table;

use crate::bench::{Bench, test_data, within};

/// What a row's label allows: to be read, to be refused.
fn allowed(label: &str) -> (bool, bool) {
    match label {
        "reject" | "reject_over_limit" => (false, true),
        "accept"
        | "accept_ignore_exif"
        | "accept_strip"
        | "accept_on_white"
        | "accept_first"
        | "accept_without_inflating" => (true, false),
        _ => (true, true),
    }
}

/// Megabytes of the process's highest resident size so far; 0 where the system does not say.
fn peak_megabytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kilobytes.unwrap_or(0) / 1024
}

#[test]
fn every_hostile_file_ends_as_its_label_allows() {
    let Some(data) = test_data() else { return };
    let (bench, folder) = (Bench::new(), data.join("broken"));
    let table = Table::read(&folder.join("broken.csv")).expect("a table");
    let mut spec = bench.spec();
    // Each by itself: in a folder, texts and lists are passed over.
    spec.paths = (0..table.len()).map(|row| folder.join(table.file(row))).collect();
    spec.metadata = Some(folder.join("broken.csv"));
    let started = Instant::now();
    let summary = bench.run(&spec);
    let seconds = started.elapsed().as_secs_f64();
    let refused: BTreeMap<&str, (Code, &str)> =
        summary.refused.iter().map(|r| (r.path.as_str(), (r.code, r.message.as_str()))).collect();
    let records = bench.records();
    let read: HashSet<&Value> =
        records.iter().map(|r| within(r, &["vitrail", "source", "sha256"])).collect();
    let own =
        |r: &PointRecord| within(r, &["vitrail", "source", "sha256"]) == within(r, &["sha256"]);
    assert!(records.iter().all(own), "each has its own row");
    let path_of = |row: usize| folder.join(table.file(row)).canonicalize().expect("a path");
    let paths: HashSet<PathBuf> = (0..table.len()).map(path_of).collect();
    // Names of DICOM files may name people: such a refusal stands under a pseudonym.
    let hidden = refused.iter().filter(|(path, _)| !paths.contains(Path::new(path)));
    let mut hidden: Vec<(Code, &str)> = hidden.map(|(_, refusal)| *refusal).collect();
    let (mut codes, mut differing) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for row in 0..table.len() {
        let fields = table.fields(row);
        let label = fields["label"].as_str().expect("a label");
        let (may_read, may_refuse) = allowed(label);
        let named = refused.get(path_of(row).to_str().expect("a path")).copied();
        let is_lost = named.is_none() && !read.contains(&fields["sha256"]);
        match named.or_else(|| if is_lost { hidden.pop() } else { None }) {
            Some((code, message)) => {
                *codes.entry(code.name()).or_default() += 1;
                assert!(message.len() > 20, "{}: {message}", table.file(row));
                if !may_refuse {
                    differing.push(format!("{label} {}: {code}: {message}", table.file(row)));
                }
            }
            None => {
                assert!(read.contains(&fields["sha256"]), "{} is lost", table.file(row));
                if !may_read {
                    differing.push(format!("{label} {}: read", table.file(row)));
                }
            }
        }
    }
    let peak = peak_megabytes();
    let (points, count) = (summary.ingested, summary.refused_count);
    println!("{points} points, {count} refused {codes:?} in {seconds:.1} s, peak {peak} MB");
    println!("rows that differ from their label: {differing:#?}");
    assert!(differing.is_empty() && hidden.is_empty(), "{hidden:?}");
    assert!(seconds < 60.0 && peak < 1_024, "{seconds:.1} s, {peak} MB");
}
