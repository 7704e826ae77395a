//! A server with the shim under it, and the disks that power cuts leave.
#![expect(clippy::expect_used, reason = "a test's helpers may")]
#![expect(clippy::disallowed_methods, reason = "tests lay out their own folders")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::client::{Load, write_while};
use crate::cut::{Way, after_cut, begin_journal};
use crate::ground::Ground;
use crate::process::Server;
use crate::shim::{Shim, Word};

/// The ground of a test, and the shim under its server.
pub struct Shimmed {
    pub ground: Ground,
    pub shim: Shim,
    pub cuts: u64,
    /// Starts that a cut ended before the server answered.
    pub early: u64,
}

impl Shimmed {
    pub fn new(seed: u64, load: Load) -> Option<Self> {
        let ground = Ground::new(seed, load);
        let shim = Shim::compile(ground.folder.path())?;
        Some(Self { ground, shim, cuts: 0, early: 0 })
    }

    fn journal(&self) -> PathBuf {
        self.ground.folder.path().join("journal")
    }

    /// A server that a cut ends: before the n-th write, sync or rename, or when it is told to.
    pub fn start(&mut self, mode: u64, die: u64) -> Option<Server> {
        begin_journal(&self.ground.store, &self.journal());
        self.shim.set(Word::Mode, mode);
        self.shim.set(Word::Die, die);
        let (store, journal) = (self.ground.store.clone(), self.journal());
        let server = Server::start(&store, |program| self.shim.under(program, &store, &journal));
        self.early += u64::from(server.is_err());
        if let Err(log) = &server {
            self.ground.note_log(log);
            assert!(die > 0, "it doesn't start: {log}");
        }
        server.ok()
    }

    /// Writes until the cut comes; `after` milliseconds at most.
    pub fn write_until_cut(&mut self, server: Server, after: u64) {
        let client = server.client.clone();
        let log = write_while(&client, &mut self.ground.writers, || {
            let (begun, mut server) = (Instant::now(), server);
            while begun.elapsed() < Duration::from_millis(after) && !server.has_ended() {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.kill()
        });
        self.ground.note_log(&log);
    }

    /// Puts in the store's place what the cut left of it.
    pub fn cut(&mut self, way: Way) {
        let (store, journal) = (self.ground.store.clone(), self.journal());
        let left = self.ground.folder.path().join("left");
        after_cut(&store, &journal, &left, way, &mut self.ground.dice);
        std::fs::remove_dir_all(&store).expect("the old disk");
        std::fs::rename(&left, &store).expect("a new name");
        self.cuts += 1;
    }
}
