//! Files and folders -> sorted files, each under its root. Links are resolved first and must stay
//! under the root; depth and count are bounded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use vitrail_domain::Code;
use vitrail_domain::limits::{FILES_MAX, FOLDER_DEPTH_MAX, GLOB_BYTES_MAX, GLOBS_MAX};

use crate::refusal::Refusal;

/// Which files of a folder are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkOptions {
    /// Only relative paths that match one of these globs, where there are any.
    pub include: Vec<String>,
    /// No relative path that matches one of these.
    pub exclude: Vec<String>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The folder that was given, or the folder of the file that was given.
    pub root: PathBuf,
    /// The path relative to the root, with `/` between its parts.
    pub relative: String,
    /// The file itself, links resolved.
    pub path: PathBuf,
}

/// Endings of tables and texts that lie among pictures; they are passed over in folders.
const NOT_PICTURES: [&str; 8] = ["csv", "tsv", "json", "jsonl", "txt", "md", "parquet", "npy"];

struct Globs {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

/// Finds the files of `paths` in sorted order, each once. Hidden files and tables are passed over
/// in folders; a file that is named itself is always taken.
///
/// # Errors
/// A path that does not exist, a glob that can't be read, more files or depth than the bounds.
pub fn walk(paths: &[PathBuf], options: &WalkOptions) -> Result<Vec<Found>, Refusal> {
    let globs = Globs::of(options)?;
    let mut found = BTreeSet::new();
    for path in paths {
        let real = fs::canonicalize(path).map_err(|error| Refusal::unreadable(path, error))?;
        if real.is_dir() {
            folder(&real, &real, 0, &globs, &mut found)?;
        } else if let (Some(root), Some(name)) = (real.parent(), real.file_name()) {
            let relative = name.to_string_lossy().into_owned();
            found.insert(Found { root: root.to_owned(), relative, path: real.clone() });
        }
        if found.len() > FILES_MAX {
            let message = format!("more than {FILES_MAX} files");
            return Err(Refusal::new(Code::TooLarge, message));
        }
    }
    Ok(found.into_iter().collect())
}

fn folder(
    root: &Path,
    at: &Path,
    depth: usize,
    globs: &Globs,
    found: &mut BTreeSet<Found>,
) -> Result<(), Refusal> {
    if depth > FOLDER_DEPTH_MAX {
        let message = format!("{} is nested deeper than {FOLDER_DEPTH_MAX} folders", at.display());
        return Err(Refusal::new(Code::TooLarge, message));
    }
    for entry in fs::read_dir(at).map_err(|error| Refusal::unreadable(at, error))? {
        let entry = entry.map_err(|error| Refusal::unreadable(at, error))?;
        if entry.file_name().to_string_lossy().starts_with('.') || found.len() > FILES_MAX {
            continue;
        }
        let inside = entry.path();
        // A link that leads nowhere, or out of the root, is passed over.
        let Ok(real) = fs::canonicalize(&inside) else { continue };
        if !real.starts_with(root) {
            continue;
        }
        if real.is_dir() {
            // A link to a folder of this root: its files are found under their own path.
            if real != inside {
                continue;
            }
            folder(root, &inside, depth + 1, globs, found)?;
        } else if let Some(relative) = relative_to(root, &inside)
            && globs.takes(&relative)
            && !is_table(&inside)
        {
            found.insert(Found { root: root.to_owned(), relative, path: real });
        }
    }
    Ok(())
}

impl Globs {
    fn of(options: &WalkOptions) -> Result<Self, Refusal> {
        let include = (!options.include.is_empty()).then(|| set(&options.include)).transpose()?;
        Ok(Self { include, exclude: set(&options.exclude)? })
    }

    fn takes(&self, relative: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.is_match(relative))
            && !self.exclude.is_match(relative)
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, Refusal> {
    let bad = |why: String| Refusal::new(Code::InvalidRequest, why);
    if patterns.len() > GLOBS_MAX || patterns.iter().any(|glob| glob.len() > GLOB_BYTES_MAX) {
        return Err(bad(format!(
            "more than {GLOBS_MAX} globs, or one over {GLOB_BYTES_MAX} bytes"
        )));
    }
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        builder.add(Glob::new(pattern).map_err(|error| bad(format!("glob: {error}")))?);
    }
    builder.build().map_err(|error| bad(format!("globs: {error}")))
}

fn relative_to(root: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root).ok()?;
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    Some(parts.join("/"))
}

fn is_table(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| NOT_PICTURES.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            #[expect(clippy::disallowed_methods, reason = "a test's own files")]
            fs::write(path, b"x").expect("written");
        }
        root
    }

    fn names(root: &Path, options: &WalkOptions) -> Vec<String> {
        let found = walk(&[root.to_owned()], options).expect("walked");
        found.into_iter().map(|found| found.relative).collect()
    }

    #[test]
    fn folders_are_walked_in_order_without_tables_and_hidden_files() {
        let root = made(&["b/2.jpg", "a.jpg", "b/1.jpg", "t.csv", ".hidden.jpg"]);
        let all = names(root.path(), &WalkOptions::default());
        assert_eq!(all, ["a.jpg", "b/1.jpg", "b/2.jpg"]);
        let options = WalkOptions { include: vec!["b/*".into()], exclude: vec!["**/2*".into()] };
        assert_eq!(names(root.path(), &options), ["b/1.jpg"]);
    }

    #[test]
    fn links_out_of_the_root_and_back_up_are_passed_over() {
        let (root, other) = (made(&["a.jpg"]), made(&["secret.jpg"]));
        std::os::unix::fs::symlink(other.path().join("secret.jpg"), root.path().join("l.jpg"))
            .expect("linked");
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).expect("linked");
        assert_eq!(names(root.path(), &WalkOptions::default()), ["a.jpg"]);
    }

    #[test]
    fn a_missing_path_is_named() {
        let refusal = walk(&["/no/such/place".into()], &WalkOptions::default());
        assert!(refusal.is_err_and(|refusal| refusal.message.contains("/no/such/place")));
    }
}
