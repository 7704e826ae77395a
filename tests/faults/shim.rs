//! The shim under the process: compiled here, told what to do through shared words (`shim.c`).
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test's helpers may")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Bits of [`Word::Mode`].
pub const JOURNAL: u64 = 1;
pub const LIE: u64 = 2;
pub const NO_SPACE: u64 = 4;

/// The words that are shared; their order is that of `shim.c`.
#[expect(dead_code, reason = "a count that is there to be looked at")]
#[derive(Debug, Clone, Copy)]
pub enum Word {
    Mode,
    Budget,
    FailWrite,
    FailSync,
    FailRename,
    Die,
    Writes,
    Syncs,
    Renames,
    Refused,
    Failed,
}

const BYTES: usize = 16 * 8;

/// A compiled shim and the words through which it is told.
pub struct Shim {
    library: PathBuf,
    words: PathBuf,
    control: File,
}

impl Shim {
    /// Compiles it into `folder`; `None` with a word where there is no C compiler.
    pub fn compile(folder: &Path) -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
        let (library, words) = (folder.join("shim.so"), folder.join("words"));
        let compiled = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output();
        let Ok(compiled) = compiled else {
            let required = std::env::var("VITRAIL_TEST_DATA_REQUIRED").as_deref() == Ok("1");
            assert!(!required, "a C compiler is required, and there is no cc");
            println!("skipped: there is no C compiler cc");
            return None;
        };
        let said = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "cc: {said}");
        let open =
            || File::options().read(true).write(true).create(true).truncate(true).open(&words);
        let control = open().expect("the shared words");
        control.write_all_at(&[0; BYTES], 0).expect("the shared words");
        Some(Self { library, words, control })
    }

    /// Puts it under a program that is about to be started.
    pub fn under(&self, program: &mut Command, store: &Path, journal: &Path) {
        program.env("LD_PRELOAD", &self.library);
        program.env("VITRAIL_FAULTS_CONTROL", &self.words);
        program.env("VITRAIL_FAULTS_STORE", store);
        program.env("VITRAIL_FAULTS_JOURNAL", journal);
    }

    pub fn set(&self, word: Word, value: u64) {
        self.control.write_all_at(&value.to_ne(), at(word)).expect("a shared word");
    }

    pub fn get(&self, word: Word) -> u64 {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, at(word)).expect("a shared word");
        u64::of_ne(bytes)
    }
}

fn at(word: Word) -> u64 {
    word as u64 * 8
}

/// The machine's own order of bytes: both sides of the shared words are on one machine.
trait Native {
    fn to_ne(self) -> [u8; 8];
    fn of_ne(bytes: [u8; 8]) -> Self;
}

impl Native for u64 {
    fn to_ne(self) -> [u8; 8] {
        if cfg!(target_endian = "little") { self.to_le_bytes() } else { self.to_be_bytes() }
    }

    fn of_ne(bytes: [u8; 8]) -> Self {
        if cfg!(target_endian = "little") {
            Self::from_le_bytes(bytes)
        } else {
            Self::from_be_bytes(bytes)
        }
    }
}
