//! A folder of one test: the store, and rounds of writing and dying over it.
#![expect(clippy::expect_used, reason = "a test's helpers may")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::{Load, Look, Writer, create, problems, writers};
use crate::dice::Dice;
use crate::process::Server;

/// A store's place, and what was written to it.
pub struct Ground {
    pub folder: tempfile::TempDir,
    pub store: PathBuf,
    pub dice: Dice,
    pub writers: Vec<Writer>,
    pub starts: Vec<Duration>,
    /// Lines of logs that say more than that the program went on.
    pub odd: Vec<String>,
}

impl Ground {
    pub fn new(seed: u64, load: Load) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().canonicalize().expect("its path").join("store");
        let mut dice = Dice::seeded(seed);
        let writers = writers(load, &mut dice);
        Self { folder, store, dice, writers, starts: Vec::new(), odd: Vec::new() }
    }

    /// A server without a shim; in the first round the collection is made.
    pub fn start(&mut self) -> Server {
        let server = Server::start(&self.store, |_| {}).expect("the store opens");
        self.starts.push(server.started_in);
        server
    }

    pub fn create(&self, server: &Server, load: Load) {
        create(&server.client, load);
    }

    pub fn begin_round(&mut self, round: u64) {
        self.writers.iter_mut().for_each(|writer| writer.begin_round(round));
    }

    /// Whatever was acknowledged is there.
    pub fn verify(&mut self, server: &Server, look: Look) {
        let problems = problems(&server.client, &mut self.writers, look);
        assert!(
            problems.is_empty(),
            "{} problems: {:#?}\n{}",
            problems.len(),
            &problems[..problems.len().min(10)],
            server.log()
        );
    }

    pub fn note_log(&mut self, log: &str) {
        let is_odd = |line: &&str| line.contains("ERROR") || line.contains("panicked");
        self.odd.extend(log.lines().filter(is_odd).map(str::to_owned));
    }

    pub fn median_and_longest_start(&self) -> (u128, u128) {
        let mut starts: Vec<u128> = self.starts.iter().map(Duration::as_millis).collect();
        starts.sort_unstable();
        let longest = starts.last().copied().unwrap_or_default();
        (starts.get(starts.len() / 2).copied().unwrap_or_default(), longest)
    }
}

/// How often a loop goes round: the number of the environment's variable, or this one.
pub fn rounds(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(otherwise)
}

/// Files and folders under `folder`, each with whether it is a folder.
pub fn walk(folder: &Path) -> Vec<(PathBuf, bool)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        found.push((entry.path(), is_folder));
        if is_folder {
            found.extend(walk(&entry.path()));
        }
    }
    found.sort();
    found
}

/// The folders of frozen segments.
pub fn segments(store: &Path) -> Vec<PathBuf> {
    let collections = walk(&store.join("collections")).into_iter();
    let is_segment = |path: &PathBuf| {
        let above = path.parent().and_then(Path::parent).and_then(Path::file_name);
        above.is_some_and(|name| name == "segments")
    };
    collections.filter(|(path, folder)| *folder && is_segment(path)).map(|(path, _)| path).collect()
}
