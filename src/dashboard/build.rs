//! Writes the table of the built dashboard's files; never builds it, so cargo needs no Node.

#![expect(clippy::disallowed_methods, reason = "a build script writes where cargo tells it to")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Files and folders of the build: it has a handful, and a wrong folder should not be embedded.
const FILES_MAX: usize = 1_000;

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let dist = here.join("dist");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=dist");
    // Cargo looks again on every build while a watched path is absent. A source folder that can't
    // be written only costs that.
    let _ = fs::create_dir_all(&dist);
    let mut names = Vec::new();
    collect(&dist, "", &mut names)?;
    names.sort();
    let table = if names.iter().any(|name| name == "index.html") {
        table(&dist, &names)?
    } else {
        "pub(crate) static FILES: &[Row] = &[];\n".to_owned()
    };
    fs::write(out.join("files.rs"), table)
}

/// Names below `folder`, relative to the top, with `/`. O(files).
fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if names.len() >= FILES_MAX {
            return Err(io::Error::other("dist holds too many files to be the dashboard"));
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// The rows as Rust source: name, bytes, and an entity tag made from the bytes.
fn table(dist: &Path, names: &[String]) -> io::Result<String> {
    let mut text = String::from("pub(crate) static FILES: &[Row] = &[\n");
    for name in names {
        let path = dist.join(name);
        let bytes = fs::read(&path)?;
        let tag = format!("\"{:016x}-{:x}\"", fnv(&bytes), bytes.len());
        let path = path.to_string_lossy();
        writeln!(text, "    ({name:?}, include_bytes!({path:?}), {tag:?}),")
            .map_err(io::Error::other)?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// FNV-1a, 64 bits: tells one build's file from the next, and guards nothing.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
