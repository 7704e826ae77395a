//! The checks of registration: a model that fails one is listed with the reason and serves nothing.

mod golden;
mod numbers;
mod ports;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

pub(crate) use numbers::{Subject, numbers};
pub(crate) use ports::ports;

use crate::contract::ContractHash;
use crate::manifest::Manifest;
use crate::runtime::Runtime;

/// One check of registration that the model passed, or that did not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub name: String,
    /// What was found, in words.
    pub found: String,
}

/// The checks that a model passed when it was verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// In the order in which they were done.
    pub checks: Vec<Check>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, found: impl Into<String>) {
        self.checks.push(Check { name: name.to_owned(), found: found.into() });
    }

    /// One line a check, as a stamp keeps it.
    pub(crate) fn to_text(&self) -> String {
        let line = |check: &Check| format!("{}\t{}\n", check.name, check.found.replace('\n', " "));
        self.checks.iter().map(line).collect()
    }

    pub(crate) fn of_text(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        let check = |(name, found): (&str, &str)| Check {
            name: name.to_owned(),
            found: found.to_owned(),
        };
        Self { checks: pairs.map(check).collect() }
    }
}

/// Bytes of a file that are hashed at a time.
const HASH_CHUNK: usize = 1 << 20;

/// SHA-256 of every file against the manifest.
pub(crate) fn files(folder: &Path, manifest: &Manifest) -> Result<(), String> {
    for file in &manifest.files {
        let found = sha256(&folder.join(&file.path))?;
        if found != file.sha256 {
            return Err(format!("{} has SHA-256 {found}, not {}", file.path, file.sha256));
        }
    }
    Ok(())
}

/// Of a file's bytes, 64 hex digits.
pub(crate) fn sha256(path: &Path) -> Result<String, String> {
    let reading = |error: std::io::Error| format!("reading {}: {error}", path.display());
    let mut file = File::open(path).map_err(reading)?;
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; HASH_CHUNK]);
    loop {
        let read = file.read(&mut chunk).map_err(reading)?;
        if read == 0 {
            break;
        }
        hasher.update(chunk.get(..read).unwrap_or(&[]));
    }
    Ok(hex(&hasher.finalize()))
}

/// Names this very model, in these very files, on this very engine: what was verified under a mark
/// need not be verified again. Sizes and times stand for the files' contents.
pub(crate) fn mark(folder: &Path, manifest: &Manifest, runtime: &Runtime) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"vitrail-verified-2");
    hasher.update(ContractHash::of(manifest).bytes());
    hasher.update(format!("{:?}{:?}", manifest.verification, manifest.tensor).as_bytes());
    let engine = format!("{} {}", runtime.engine().name(), runtime.version());
    hasher.update(engine.as_bytes());
    for file in &manifest.files {
        let facts = std::fs::metadata(folder.join(&file.path)).ok()?;
        let time = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        hasher.update(file.path.as_bytes());
        hasher.update(&facts.len().to_le_bytes());
        hasher.update(&time.to_le_bytes());
    }
    Some(*hasher.finalize().as_bytes())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
