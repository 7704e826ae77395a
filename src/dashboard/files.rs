//! Looks one file up by its path below `/dashboard/`.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

/// Name below `/dashboard/`, bytes, entity tag.
type Row = (&'static str, &'static [u8], String);

static DIST: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/dist");

/// The built files in order of their names; none where the dashboard was not built.
static FILES: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows = Vec::new();
    collect(&DIST, &mut rows);
    rows.sort();
    let built = rows.iter().any(|(name, _, _)| *name == "index.html");
    if built { rows } else { Vec::new() }
});

/// What every answer under `/dashboard` says of itself: nothing from elsewhere, nothing inline.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; \
     object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Shown where the program was compiled without the dashboard.
const NOT_BUILT: &[u8] = include_bytes!("not_built.html");

/// One file as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// The bytes, as the build wrote them.
    pub bytes: &'static [u8],
    /// For the header `content-type`.
    pub content_type: &'static str,
    /// For the header `etag`, quotes included; made from the bytes.
    pub etag: &'static str,
    /// For the header `cache-control`: names under `assets/` change with their bytes.
    pub cache_control: &'static str,
}

/// Whether the dashboard was there when this program was compiled.
#[must_use]
pub fn is_built() -> bool {
    !FILES.is_empty()
}

/// The file at a path below `/dashboard/`; the empty path is the page itself. `None`: no such
/// file. Only names in the table are answered, so a path can't lead out of it. O(log files).
///
/// Without a build, the page says so and names the command.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let path = if path.is_empty() { "index.html" } else { path };
    if !is_built() {
        return (path == "index.html").then_some(not_built());
    }
    let found = FILES.binary_search_by_key(&path, |(name, _, _)| name).ok()?;
    let (name, bytes, etag) = FILES.get(found)?;
    let cache_control = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    Some(File { bytes, content_type: content_type(name), etag, cache_control })
}

fn collect(folder: &'static Dir<'static>, rows: &mut Vec<Row>) {
    for file in folder.files() {
        let tag = format!("\"{:016x}-{:x}\"", fnv(file.contents()), file.contents().len());
        rows.extend(file.path().to_str().map(|name| (name, file.contents(), tag)));
    }
    folder.dirs().for_each(|inner| collect(inner, rows));
}

/// FNV-1a, 64 bits: tells one build's file from the next, and guards nothing.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn not_built() -> File {
    File {
        bytes: NOT_BUILT,
        content_type: "text/html; charset=utf-8",
        etag: "\"not-built\"",
        cache_control: "no-store",
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_always_there() {
        let page = file("").unwrap();
        assert_eq!(file("index.html"), Some(page));
        assert!(page.content_type.starts_with("text/html"));
        let text = std::str::from_utf8(page.bytes).unwrap();
        assert_eq!(text.contains("npm run build"), !is_built());
    }

    #[test]
    fn nothing_else_is_answered() {
        for path in ["../Cargo.toml", "/etc/passwd", "assets", "assets/", "index.html/", "."] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn every_file_has_a_kind_and_a_tag_of_its_own() {
        let mut tags = std::collections::HashSet::new();
        for (name, bytes, _) in FILES.iter() {
            let found = file(name).unwrap();
            assert_eq!(found.bytes, *bytes);
            assert_ne!(found.content_type, "application/octet-stream", "{name}");
            assert!(found.etag.starts_with('"') && found.etag.ends_with('"'), "{name}");
            assert!(tags.insert(found.etag), "{name}");
            assert_eq!(found.cache_control.contains("immutable"), name.starts_with("assets/"));
        }
    }

    #[test]
    fn the_page_obeys_its_own_policy() {
        for (name, bytes, _) in FILES.iter().filter(|(name, _, _)| name.ends_with(".html")) {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(!text.contains("<style") && !text.contains("style="), "{name}");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
            for script in text.split("<script").skip(1) {
                assert!(script.contains("src=\"/dashboard/"), "{name}: inline script");
            }
        }
    }
}
