//! The numbers, words, rooms and crates that `tidy` holds the code to.

pub(super) const LINE_COLUMNS: usize = 100;
pub(super) const FUNCTION_LINES: usize = 70;
pub(super) const FILE_LINES: usize = 600;
pub(super) const LIB_LINES: usize = 150;

/// Waivers at most: lowered whenever one goes, never raised.
pub(super) const WAIVERS_MAX: usize = 1;

/// What may stand at the top beside dot-files.
pub(super) const TOP_LEVEL: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE",
    "src",
    "schemas",
    "tests",
    "benches",
    "deploy",
];

/// Folders that are made, not written.
pub(super) const MADE: [&str; 6] =
    ["target", "node_modules", "dist", "vitrail-data", ".git", "shared"];

/// Rooms: name, rank, rooms of lower rank that it may use (the table of `src/ARCHITECTURE.md`).
pub(super) const ROOMS: [(&str, u8, &[&str]); 18] = [
    ("domain", 0, &[]),
    ("kernels", 0, &[]),
    ("disk", 0, &[]),
    ("sources", 1, &["domain", "disk"]),
    ("ingest", 1, &["domain", "disk"]),
    ("embed", 1, &["domain", "disk"]),
    ("store", 1, &["domain", "disk"]),
    ("vector_index", 1, &["domain", "kernels", "disk"]),
    ("field_index", 1, &["domain", "disk"]),
    ("exchange", 1, &["domain", "disk"]),
    ("analysis", 1, &["domain", "kernels"]),
    ("atlas", 1, &["domain"]),
    ("query", 2, &["domain", "kernels", "vector_index", "field_index"]),
    ("collection", 3, &["domain", "store", "vector_index", "field_index", "query"]),
    ("cases", 4, &["domain", "ingest", "embed", "analysis", "query", "collection"]),
    (
        "jobs",
        4,
        &[
            "domain",
            "kernels",
            "disk",
            "sources",
            "ingest",
            "embed",
            "store",
            "vector_index",
            "field_index",
            "exchange",
            "query",
            "collection",
        ],
    ),
    ("api", 5, &["domain", "sources", "store", "exchange", "collection", "cases", "jobs"]),
    ("dashboard", 5, &[]),
];

/// Foreign crates that one room alone may name; `root` is the package at the top.
pub(super) const OWNED: [(&str, &str); 41] = [
    ("actix-multipart", "api"),
    ("actix-web", "api"),
    ("bincode", "store"),
    ("clap", "root"),
    ("crc32fast", "store"),
    ("ctrlc", "root"),
    ("flate2", "ingest"),
    ("getrandom", "store"),
    ("globset", "ingest"),
    ("half", "embed"),
    ("hayro-jpeg2000", "ingest"),
    ("hnsw_rs", "vector_index"),
    ("image", "ingest"),
    ("include_dir", "dashboard"),
    ("indicatif", "root"),
    ("jpeg-decoder", "ingest"),
    ("kamadak-exif", "ingest"),
    ("memmap2", "disk"),
    ("mimalloc", "root"),
    ("mozjpeg", "ingest"),
    ("mozjpeg-sys", "ingest"),
    ("ndarray", "embed"),
    ("object_store", "sources"),
    ("ort", "embed"),
    ("parquet", "exchange"),
    ("reqwest", "sources"),
    ("rocksdb", "store"),
    ("rustix", "disk"),
    ("rustls", "sources"),
    ("tantivy", "field_index"),
    ("tiff", "ingest"),
    ("tokenizers", "embed"),
    ("tracing-subscriber", "root"),
    ("tract-onnx", "embed"),
    ("ureq", "root"),
    ("url", "sources"),
    ("utoipa", "api"),
    ("utoipa-actix-web", "api"),
    ("weezl", "ingest"),
    ("zune-core", "ingest"),
    ("zune-jpeg", "ingest"),
];

/// Foreign crates that any room may name. A crate in neither list is a finding.
pub(super) const COMMON: [&str; 18] = [
    "arc-swap",
    "base64",
    "blake3",
    "crossbeam-channel",
    "csv",
    "futures",
    "libloading",
    "parking_lot",
    "rayon",
    "roaring",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "tokio",
    "toml",
    "tracing",
    "uuid",
];

/// Words that must not stand in code outside tests: word, rule, paths where they may.
pub(super) const BANNED: [(&str, &str, &[&str]); 20] = [
    ("println!", "print", &["src/main.rs", "src/cli"]),
    ("print!", "print", &["src/main.rs", "src/cli"]),
    ("eprintln!", "print", &["src/main.rs", "src/cli"]),
    ("eprint!", "print", &["src/main.rs", "src/cli"]),
    ("dbg!", "unfinished", &[]),
    ("todo!", "unfinished", &[]),
    ("unimplemented!", "unfinished", &[]),
    (".unwrap()", "unwrap", &[]),
    (".expect(", "unwrap", &[]),
    ("fs::write", "bare-write", &["src/disk/"]),
    ("fs::rename", "bare-write", &["src/disk/"]),
    ("fs::copy", "bare-write", &["src/disk/"]),
    ("fs::remove_", "bare-write", &["src/disk/"]),
    ("File::create", "bare-write", &["src/disk/"]),
    ("OpenOptions", "bare-write", &["src/disk/"]),
    ("SystemTime::now", "clock", &["src/clock.rs"]),
    ("_ne_bytes", "host-endian", &[]),
    ("thread_rng", "random", &[]),
    ("rand::random", "random", &[]),
    ("from_entropy", "random", &[]),
];

/// Rooms that may say `unsafe`, and the one file that speaks to a C library (decision 11).
pub(super) const UNSAFE_ROOMS: [&str; 3] =
    ["src/kernels/", "src/disk/", "src/ingest/slide/openslide.rs"];
