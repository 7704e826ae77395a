//! Files and folders -> the files under them, sorted, each with the root it must stay under.

use std::collections::HashSet;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use vitrail_domain::Code;
use vitrail_domain::limits::{FILES_MAX, FOLDER_DEPTH_MAX, GLOB_BYTES_MAX, GLOBS_MAX};

use crate::refusal::Refusal;

/// Endings of tables, lists and notes that lie beside pictures: in a folder they are passed over.
const NOT_PICTURES: [&str; 18] = [
    "csv", "tsv", "json", "jsonl", "ndjson", "geojson", "parquet", "npy", "npz", "xlsx", "xls",
    "ods", "txt", "md", "xml", "yaml", "yml", "toml",
];

/// Which files of a folder are taken. A pattern without `/` is held against the file's name, one
/// with `/` against its path relative to the folder; `*` stays within one folder, `**` does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalkOptions {
    /// Only files that match one of these; empty: all.
    pub include: Vec<String>,
    /// No files or folders that match one of these.
    pub exclude: Vec<String>,
}

/// One file, picture or slide or anything else: its bytes decide later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The folder that `relative` is relative to, links resolved.
    pub root: PathBuf,
    /// The path under the root, parts joined by `/`: the file's URI.
    pub relative: String,
    /// Where the file is, links resolved.
    pub path: PathBuf,
}

/// One file or folder that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where it is.
    pub path: PathBuf,
    /// Why.
    pub refusal: Refusal,
}

/// What a walk came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walk {
    /// The files: in the order of the given paths, within each sorted by relative path.
    pub found: Vec<Found>,
    /// Links that lead outside, folders that can't be read, names that are not UTF-8.
    pub refused: Vec<Refused>,
    /// Files passed over: hidden, tables and notes, or left out by a pattern.
    pub passed_over: usize,
}

/// Walks files and folders. A file's root is its folder, a folder's the folder itself. Nothing
/// outside a root is read: a link within a root is passed over, since what it names is met by its
/// own path, and a link that leads outside is refused. A file given by itself is taken whatever
/// its name; one that is met twice is taken once. O(files), all paths are held in memory.
///
/// # Errors
/// A given path that does not exist, a pattern that is not one, more files than `FILES_MAX`.
pub fn walk(paths: &[PathBuf], options: &WalkOptions) -> Result<Walk, Refusal> {
    let mut walker = Walker {
        include: globs(&options.include)?,
        exclude: globs(&options.exclude)?,
        seen: HashSet::new(),
        walk: Walk::default(),
    };
    for path in paths {
        walker.start(path)?;
    }
    Ok(walker.walk)
}

struct Walker {
    include: Globs,
    exclude: Globs,
    seen: HashSet<PathBuf>,
    walk: Walk,
}

/// One folder that waits: its path under the root, and how deep it lies.
struct Folder {
    path: PathBuf,
    relative: String,
    depth: usize,
}

/// What a folder holds, before it is known whether it is taken.
struct Entry {
    name: String,
    path: PathBuf,
    relative: String,
    kind: FileType,
}

impl Entry {
    fn new(folder: &Folder, name: String, path: PathBuf, kind: FileType) -> Self {
        let relative = match folder.relative.as_str() {
            "" => name.clone(),
            above => format!("{above}/{name}"),
        };
        Self { name, path, relative, kind }
    }
}

impl Walker {
    fn start(&mut self, given: &Path) -> Result<(), Refusal> {
        let path = fs::canonicalize(given).map_err(|why| Refusal::unreadable(given, why))?;
        if path.is_dir() {
            return self.folders(&path);
        }
        match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            (Some(root), Some(name)) if path.is_file() => self.take(root, name.to_owned(), &path),
            (_, None) => {
                self.refuse(&path, not_utf8());
                Ok(())
            }
            _ => Err(Refusal::unreadable(given, "it is neither a file nor a folder")),
        }
    }

    /// With a stack of its own, so that no depth of folders can overrun the thread's.
    fn folders(&mut self, root: &Path) -> Result<(), Refusal> {
        let first = Folder { path: root.to_owned(), relative: String::new(), depth: 0 };
        let (start, mut waiting) = (self.walk.found.len(), vec![first]);
        while let Some(folder) = waiting.pop() {
            for entry in self.entries(&folder) {
                if self.passes_over(root, &entry) {
                    self.walk.passed_over += 1;
                } else if entry.kind.is_dir() {
                    let Entry { path, relative, .. } = entry;
                    self.enter(Folder { path, relative, depth: folder.depth + 1 }, &mut waiting);
                } else if !entry.kind.is_file() {
                    let refusal = Refusal::unreadable(&entry.path, "it is not a file");
                    self.refuse(&entry.path, refusal);
                } else {
                    self.take(root, entry.relative, &entry.path)?;
                }
            }
        }
        let found = self.walk.found.get_mut(start..).unwrap_or_default();
        found.sort_by(|one, other| one.relative.cmp(&other.relative));
        Ok(())
    }

    fn enter(&mut self, folder: Folder, waiting: &mut Vec<Folder>) {
        if folder.depth > FOLDER_DEPTH_MAX {
            let message =
                format!("{} lies deeper than {FOLDER_DEPTH_MAX} folders", folder.path.display());
            self.refuse(&folder.path, Refusal::new(Code::FileUnreadable, message));
        } else {
            waiting.push(folder);
        }
    }

    /// The folder's entries; what can't be read is refused.
    fn entries(&mut self, folder: &Folder) -> Vec<Entry> {
        let mut entries = Vec::new();
        let reading = match fs::read_dir(&folder.path) {
            Ok(reading) => reading,
            Err(why) => {
                self.refuse(&folder.path, Refusal::unreadable(&folder.path, why));
                return entries;
            }
        };
        for entry in reading.take(FILES_MAX) {
            match entry.and_then(|entry| Ok((entry.file_name(), entry.path(), entry.file_type()?)))
            {
                Ok((name, path, kind)) => match name.into_string() {
                    Ok(name) => entries.push(Entry::new(folder, name, path, kind)),
                    Err(_) => self.refuse(&path, not_utf8()),
                },
                Err(why) => self.refuse(&folder.path, Refusal::unreadable(&folder.path, why)),
            }
        }
        entries
    }

    /// Hidden entries, excluded ones, tables and notes, and links.
    fn passes_over(&mut self, root: &Path, entry: &Entry) -> bool {
        let Entry { name, path, relative, kind } = entry;
        if name.starts_with('.') || self.exclude.matches(name, relative) {
            return true;
        }
        if kind.is_symlink() {
            match fs::canonicalize(path) {
                Ok(target) if target.starts_with(root) => {}
                Ok(_) => {
                    let message = format!("the link {} leads out of its folder", path.display());
                    self.refuse(path, Refusal::new(Code::ForbiddenPath, message));
                }
                Err(why) => self.refuse(path, Refusal::unreadable(path, why)),
            }
            return true;
        }
        let wanted = || self.include.is_empty() || self.include.matches(name, relative);
        kind.is_file() && (NOT_PICTURES.contains(&ending(name).as_str()) || !wanted())
    }

    fn take(&mut self, root: &Path, relative: String, path: &Path) -> Result<(), Refusal> {
        if self.walk.found.len() >= FILES_MAX {
            let message = format!("more files than the limit of {FILES_MAX}");
            return Err(Refusal::new(Code::TooLarge, message));
        }
        if self.seen.insert(path.to_owned()) {
            let (root, path) = (root.to_owned(), path.to_owned());
            self.walk.found.push(Found { root, relative, path });
        }
        Ok(())
    }

    fn refuse(&mut self, path: &Path, refusal: Refusal) {
        self.walk.refused.push(Refused { path: path.to_owned(), refusal });
    }
}

fn not_utf8() -> Refusal {
    Refusal::new(Code::FileUnreadable, "the file's name is not UTF-8: rename it")
}

fn ending(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_ascii_lowercase())
}

/// The rule by which a walk takes files, for names that are listed elsewhere.
pub struct Chooser {
    include: Globs,
    exclude: Globs,
}

impl Chooser {
    /// Reads the patterns.
    ///
    /// # Errors
    /// A pattern that is not one, or too many.
    pub fn new(options: &WalkOptions) -> Result<Self, Refusal> {
        Ok(Self { include: globs(&options.include)?, exclude: globs(&options.exclude)? })
    }

    /// Whether a path with `/` is taken; patterns without `/` are held against its last part.
    #[must_use]
    pub fn takes(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let wanted = self.include.is_empty() || self.include.matches(name, path);
        wanted
            && !self.exclude.matches(name, path)
            && !NOT_PICTURES.contains(&ending(name).as_str())
    }
}

/// Patterns on names and patterns on paths.
struct Globs {
    names: GlobSet,
    paths: GlobSet,
}

impl Globs {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.paths.is_empty()
    }

    fn matches(&self, name: &str, relative: &str) -> bool {
        self.names.is_match(name) || self.paths.is_match(relative)
    }
}

fn globs(patterns: &[String]) -> Result<Globs, Refusal> {
    if patterns.len() > GLOBS_MAX {
        let message = format!("{} patterns are more than the limit of {GLOBS_MAX}", patterns.len());
        return Err(Refusal::new(Code::InvalidRequest, message));
    }
    let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
    for pattern in patterns {
        let set = if pattern.contains('/') { &mut paths } else { &mut names };
        set.add(glob(pattern)?);
    }
    let build = |set: GlobSetBuilder| set.build().map_err(|why| not_a_pattern("", &why));
    Ok(Globs { names: build(names)?, paths: build(paths)? })
}

fn glob(pattern: &str) -> Result<globset::Glob, Refusal> {
    if pattern.len() > GLOB_BYTES_MAX {
        let message = format!("a pattern has more bytes than the limit of {GLOB_BYTES_MAX}");
        return Err(Refusal::new(Code::InvalidRequest, message));
    }
    let built = GlobBuilder::new(pattern.trim_start_matches('/')).literal_separator(true).build();
    built.map_err(|why| not_a_pattern(pattern, &why))
}

fn not_a_pattern(pattern: &str, why: &globset::Error) -> Refusal {
    let message = format!("\"{pattern}\" is not a pattern of file names: {}", why.kind());
    Refusal::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
