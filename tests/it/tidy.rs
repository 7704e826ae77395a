//! The shape of the code, held by reading the checkout line by line: sizes, banned words, which
//! room may name which crate and which other room, no file that nobody imports, no machine's paths.
//!
//! A finding is mended, or waived by one line with a reason in `waivers.txt`; a waiver that covers
//! nothing is a finding too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

mod tables;
#[cfg(test)]
mod tests;

use tables::{
    BANNED, COMMON, FILE_LINES, FUNCTION_LINES, LIB_LINES, LINE_COLUMNS, MADE, OWNED, ROOMS,
    TOP_LEVEL, UNSAFE_ROOMS, WAIVERS_MAX,
};

/// One thing that breaks one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.what)
    }
}

/// The checkout's text files by path relative to the root, with `/` between the parts.
type Files = BTreeMap<String, String>;

/// One line of Rust.
struct Line<'a> {
    raw: &'a str,
    /// Without comments, and with the insides of texts left out.
    code: String,
    /// Part of an item under `#[cfg(test)]`, or of a test file.
    test: bool,
}

#[test]
fn the_checkout_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Files::new();
    let mut top_level = Vec::new();
    read_folder(root, "", &mut files, &mut top_level);
    let mut findings = check(&files, &top_level);
    let list = files.get("tests/it/waivers.txt").cloned().unwrap_or_default();
    findings = waive(findings, &list);
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
    assert!(files.len() > 30, "only {} files were found", files.len());
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Files, top_level: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        if MADE.contains(&name.as_str()) {
            continue;
        }
        if prefix.is_empty() {
            top_level.push(name);
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            read_folder(&entry.path(), &path, files, top_level);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.insert(path, text);
        }
    }
}

/// Every rule over every file.
fn check(files: &Files, top_level: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in files {
        machine_paths(path, text, &mut found);
        if path.ends_with(".rs") {
            check_rust(path, text, &mut found);
        }
        if path.ends_with("Cargo.toml") {
            check_manifest(path, text, &mut found);
        }
    }
    orphans(files, &mut found);
    for name in top_level {
        if !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()) {
            report(&mut found, (name, 1), "top-level", "is not one of the fixed entries");
        }
    }
    found.sort();
    found
}

fn report(found: &mut Vec<Finding>, at: (&str, usize), rule: &'static str, what: &str) {
    found.push(Finding { path: at.0.to_owned(), line: at.1, rule, what: what.to_owned() });
}

/// Leaves out what the list waives; adds waivers that are malformed, unused or too many.
fn waive(findings: Vec<Finding>, list: &str) -> Vec<Finding> {
    let mut left = findings;
    let mut count = 0;
    for (at, line) in list.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        let place = ("tests/it/waivers.txt", at + 1);
        let mut parts = line.splitn(3, char::is_whitespace);
        let (path, rule, reason) = (parts.next(), parts.next(), parts.next().unwrap_or(""));
        if reason.split_whitespace().count() < 3 {
            report(&mut left, place, "waiver", "has no reason: FILE RULE REASON");
            continue;
        }
        let before = left.len();
        left.retain(|f| Some(f.path.as_str()) != path || Some(f.rule) != rule);
        if left.len() == before {
            report(&mut left, place, "waiver", "covers nothing; take it out");
        }
    }
    if count > WAIVERS_MAX {
        let what = format!("{count} waivers, more than WAIVERS_MAX = {WAIVERS_MAX}");
        report(&mut left, ("tests/it/waivers.txt", 1), "waiver", &what);
    }
    left
}

fn machine_paths(path: &str, text: &str, found: &mut Vec<Finding>) {
    if path.ends_with("package-lock.json") || path == "Cargo.lock" {
        return;
    }
    // Put together here, so that this file does not find itself.
    let roots = ["work", "root", "home", "tmp"].map(|name| format!("/{name}/"));
    for (at, line) in text.lines().enumerate() {
        if let Some(root) = roots.iter().find(|root| starts_path(line, root)) {
            report(found, (path, at + 1), "machine-path", &format!("names {root}"));
        }
    }
}

/// True where `root` stands in the line as the start of a path, not inside a longer one or an
/// address.
fn starts_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/*}~)".contains(c))
    })
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.starts_with("benches/")
        || path.ends_with("/tests.rs")
        || ["/tests/", "/benches/", "/examples/"].iter().any(|part| path.contains(part))
}

fn check_rust(path: &str, text: &str, found: &mut Vec<Finding>) {
    let lines = read_lines(text, is_test_file(path));
    if !text.trim_start().starts_with("//!") {
        report(found, (path, 1), "module-doc", "does not open with a //! line");
    }
    let own = lines.iter().filter(|line| !line.test).count();
    if own > FILE_LINES {
        let what = format!("{own} lines without tests, more than {FILE_LINES}");
        report(found, (path, 1), "file-length", &what);
    }
    for (at, line) in lines.iter().enumerate() {
        let place = (path, at + 1);
        let columns = line.raw.chars().count();
        if columns > LINE_COLUMNS {
            report(found, place, "line-width", &format!("{columns} columns"));
        }
        check_words(place, &lines[..=at], found);
        let comment = line.raw.trim_start();
        let plain = comment.starts_with("// ") || comment.starts_with("//\t");
        if plain && comment.ends_with([';', '{', '}']) {
            report(found, place, "commented-code", "looks like code in a comment");
        }
    }
    function_lengths(path, &lines, found);
    if path == "src/lib.rs" || (path.starts_with("src/") && path.ends_with("/lib.rs")) {
        check_lib(path, &lines, found);
    }
}

/// Banned words and `unsafe` in the last of `lines`; those before it may hold the exception.
fn check_words(place: (&str, usize), lines: &[Line<'_>], found: &mut Vec<Finding>) {
    let Some(line) = lines.last() else { return };
    let path = place.0;
    if has_word(&line.code, "unsafe") {
        if !UNSAFE_ROOMS.iter().any(|room| path.starts_with(room)) {
            report(found, place, "unsafe", "only kernels and disk may");
        }
        let near = lines.iter().rev().take(8).any(|line| line.raw.contains("SAFETY:"));
        let block = line.code.contains("unsafe {") || line.code.contains("unsafe impl");
        if block && !near {
            report(found, place, "unsafe-reason", "no // SAFETY: above it");
        }
    }
    let expected = lines.iter().rev().take(8).any(|line| line.raw.contains("#[expect(clippy::"));
    if line.test || expected {
        return;
    }
    for (word, rule, allowed) in BANNED {
        let free = allowed.iter().any(|prefix| path.starts_with(prefix));
        if !free && has_banned(&line.code, word) {
            report(found, place, rule, word);
        }
    }
}

/// `word` with nothing of an identifier before it, where it begins like one.
fn has_banned(code: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !word.starts_with(char::is_alphabetic) || !code[..at].chars().next_back().is_some_and(joins)
    })
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

/// A room's `lib.rs` is its table of contents.
fn check_lib(path: &str, lines: &[Line<'_>], found: &mut Vec<Finding>) {
    if lines.len() > LIB_LINES {
        let what = format!("{} lines, more than {LIB_LINES}", lines.len());
        report(found, (path, 1), "lib-length", &what);
    }
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.test) {
        let logic =
            ["fn", "impl", "struct", "enum", "trait", "static", "let", "match", "macro_rules"];
        if let Some(word) = logic.iter().find(|word| has_word(&line.code, word)) {
            report(found, (path, at + 1), "lib-logic", &format!("`{word}` in a table of contents"));
        }
    }
}

fn function_lengths(path: &str, lines: &[Line<'_>], found: &mut Vec<Finding>) {
    for (start, line) in lines.iter().enumerate() {
        let code = line.code.trim_start();
        if !has_word(code, "fn") || !code.contains("fn ") || code.starts_with("type ") {
            continue;
        }
        let Some(length) = item_length(&lines[start..]) else { continue };
        if length > FUNCTION_LINES {
            let name = code.split("fn ").nth(1).unwrap_or("").split(['(', '<']).next();
            let what = format!("`{}` has {length} lines", name.unwrap_or(""));
            report(found, (path, start + 1), "function-length", &what);
        }
    }
}

/// Lines from an item's first to the one with its closing brace; `None` for one that ends with `;`
/// before any brace.
fn item_length(lines: &[Line<'_>]) -> Option<usize> {
    let (mut braces, mut others) = (0i32, 0i32);
    for (at, line) in lines.iter().enumerate() {
        for c in line.code.chars() {
            match c {
                '(' | '[' => others += 1,
                ')' | ']' => others -= 1,
                '{' => braces += 1,
                '}' => {
                    braces -= 1;
                    if braces <= 0 {
                        return Some(at + 1);
                    }
                }
                ';' if braces == 0 && others == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

/// Splits Rust into lines without comments and texts, and marks what is under `#[cfg(test)]`.
fn read_lines(text: &str, all_test: bool) -> Vec<Line<'_>> {
    let mut state = State::Code;
    let mut lines: Vec<Line<'_>> = text
        .lines()
        .map(|raw| Line { raw, code: strip(raw, &mut state), test: all_test })
        .collect();
    let mut at = 0;
    while at < lines.len() {
        if lines[at].code.trim_start().starts_with("#[cfg(test)]") {
            let rest = &lines[at..];
            let semicolon = || rest.iter().position(|line| line.code.trim_end().ends_with(';'));
            let length = item_length(rest).or_else(|| semicolon().map(|end| end + 1)).unwrap_or(1);
            for line in &mut lines[at..at + length] {
                line.test = true;
            }
            at += length;
        } else {
            at += 1;
        }
    }
    lines
}

/// Where the end of a line leaves the reader.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    /// Inside a text that ends with a quote and this many `#`; escapes count if it is not raw.
    Text {
        hashes: usize,
        raw: bool,
    },
    /// Inside a block comment of this depth.
    Comment(usize),
}

fn strip(raw: &str, state: &mut State) -> String {
    let chars: Vec<char> = raw.chars().collect();
    let (mut code, mut at) = (String::new(), 0);
    while at < chars.len() {
        let (now, next) = (chars[at], chars.get(at + 1).copied().unwrap_or(' '));
        match *state {
            State::Comment(depth) => {
                let step = match (now, next) {
                    ('*', '/') if depth == 1 => (State::Code, 2),
                    ('*', '/') => (State::Comment(depth - 1), 2),
                    ('/', '*') => (State::Comment(depth + 1), 2),
                    _ => (*state, 1),
                };
                *state = step.0;
                at += step.1;
            }
            State::Text { hashes, raw } => {
                let end = now == '"' && (1..=hashes).all(|i| chars.get(at + i) == Some(&'#'));
                if end {
                    *state = State::Code;
                    code.push('"');
                }
                at += if end {
                    1 + hashes
                } else if !raw && now == '\\' {
                    2
                } else {
                    1
                };
            }
            State::Code if now == '/' && next == '/' => return code,
            State::Code if now == '/' && next == '*' => {
                *state = State::Comment(1);
                at += 2;
            }
            State::Code => at = strip_code(&chars, at, &mut code, state),
        }
    }
    code
}

/// Takes one piece of code from `at` on and says where the next begins.
fn strip_code(chars: &[char], at: usize, code: &mut String, state: &mut State) -> usize {
    let now = chars[at];
    let joined = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if now == 'r' && !joined || now == 'r' && at > 0 && chars[at - 1] == 'b' {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        if chars.get(at + 1 + hashes) == Some(&'"') {
            *state = State::Text { hashes, raw: true };
            code.push('"');
            return at + hashes + 2;
        }
    }
    match (now, chars.get(at + 1), chars.get(at + 2), chars.get(at + 3)) {
        ('"', ..) => *state = State::Text { hashes: 0, raw: false },
        // A character such as '{', '\'' or '\\'; a lifetime has no second quote there.
        ('\'', Some('\\'), Some(_), _) => {
            let end = chars.iter().skip(at + 3).position(|c| *c == '\'');
            return end.map_or(chars.len(), |end| at + 3 + end + 1);
        }
        ('\'', Some(_), Some('\''), _) => return at + 3,
        _ => {}
    }
    code.push(now);
    at + 1
}

/// Which rooms and crates a room's manifest names.
fn check_manifest(path: &str, text: &str, found: &mut Vec<Finding>) {
    let room = match path.strip_prefix("src/").and_then(|rest| rest.strip_suffix("/Cargo.toml")) {
        Some(room) => room,
        None if path == "Cargo.toml" => "root",
        None => return report(found, (path, 1), "room", "a package outside src/"),
    };
    let known = ROOMS.iter().find(|(name, ..)| *name == room);
    if known.is_none() && room != "root" {
        report(found, (path, 1), "room", "is not in the table of rooms");
    }
    if !text.contains("[lints]\nworkspace = true") {
        report(found, (path, 1), "room", "does not take the workspace's lints");
    }
    let mut section = "";
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
            continue;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or("");
        if section != "[dependencies]" || name.is_empty() || name.starts_with('#') {
            continue;
        }
        let place = (path, at + 1);
        if let Some(used) = name.strip_prefix("vitrail-").map(|used| used.replace('-', "_")) {
            let allowed = known.is_some_and(|(_, _, uses)| uses.contains(&used.as_str()));
            if room != "root" && !allowed {
                report(found, place, "room", &format!("{room} may not use {used}"));
            }
        } else if let Some((_, owner)) = OWNED.iter().find(|(owned, _)| *owned == name) {
            if *owner != room {
                report(found, place, "crate", &format!("{name} is named in {owner} alone"));
            }
        } else if !COMMON.contains(&name) {
            report(found, place, "crate", &format!("{name} is in neither list of crates"));
        }
    }
}

/// Rust files that no `mod` line reaches from a crate's root.
fn orphans(files: &Files, found: &mut Vec<Finding>) {
    let is_root = |path: &&String| {
        let parts: Vec<&str> = path.split('/').collect();
        matches!(
            parts.as_slice(),
            ["src", "lib.rs" | "main.rs"]
                | ["src", _, "lib.rs" | "build.rs"]
                | ["tests", _, "main.rs"]
                | ["tests" | "benches", _]
                | ["src", _, "tests" | "benches" | "examples", _]
        )
    };
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = files.keys().filter(is_root).cloned().collect();
    while let Some(path) = next.pop() {
        if let Some(text) = files.get(&path).filter(|_| !reached.contains(&path)) {
            next.extend(modules(&path, text));
            reached.insert(path);
        }
    }
    for path in files.keys().filter(|path| path.ends_with(".rs")) {
        if !reached.contains(path) {
            report(found, (path, 1), "orphan", "no `mod` line reaches it");
        }
    }
}

/// Files that the `mod name;` lines of a file may mean.
fn modules(path: &str, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let crate_root = ["lib.rs", "main.rs", "mod.rs"].contains(&file)
        || ["tests", "benches", "examples"].contains(&folder.rsplit('/').next().unwrap_or(""));
    let base = if crate_root { folder.to_owned() } else { format!("{folder}/{stem}") };
    let mut found = Vec::new();
    for line in read_lines(text, false) {
        let code = line.code.trim();
        let Some(rest) = code.strip_suffix(';') else { continue };
        let Some((before, name)) = rest.split_once("mod ") else { continue };
        if before.is_empty() || before.starts_with("pub") || before.ends_with("] ") {
            found.push(format!("{base}/{name}.rs"));
            found.push(format!("{base}/{name}/mod.rs"));
        }
    }
    found
}
