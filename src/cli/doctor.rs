//! `vitrail doctor`: what this installation and this machine have, and what to do about the rest.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use vitrail_disk::free_bytes;
use vitrail_embed::{Engine, Model, ModelState, Models};
use vitrail_ingest::slide::VENDORS;
use vitrail_kernels::{Isa, Kernels};
use vitrail_store::{FORMAT_VERSION, Store, StoreError, StoreOptions};

use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
pub struct Options {
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Warning,
    Problem,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    what: String,
    state: State,
    found: String,
    /// What to do; empty where all is well.
    todo: String,
}

const GIB: u64 = 1024 * 1024 * 1024;

/// Free memory below which a large batch may be killed.
const MEMORY_WANTED: u64 = GIB;

/// Free disk below which an ingest is soon refused.
const DISK_WANTED: u64 = 5 * GIB;

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let mut findings = vec![program(), processor(), memory()];
    findings.push(dashboard());
    findings.extend(engine_and_models(arguments));
    findings.push(openslide());
    findings.push(disk(&arguments.store));
    findings.push(store(&arguments.store));
    let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    if options.json {
        print(&document(&findings, worst))?;
    } else {
        tell(&findings)?;
    }
    Ok(if worst == State::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn ok(what: impl Into<String>, found: impl Into<String>) -> Finding {
    Finding { what: what.into(), state: State::Ok, found: found.into(), todo: String::new() }
}

fn warning(what: &str, found: impl Into<String>, todo: &str) -> Finding {
    Finding { state: State::Warning, todo: todo.to_owned(), ..ok(what, found) }
}

fn problem(what: &str, found: impl Into<String>, todo: &str) -> Finding {
    Finding { state: State::Problem, todo: todo.to_owned(), ..ok(what, found) }
}

fn program() -> Finding {
    ok("program", format!("vitrail {}, store format {FORMAT_VERSION}", env!("CARGO_PKG_VERSION")))
}

fn processor() -> Finding {
    let isa = Kernels::best().isa();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let found = format!("{cores} cores, distances by {}", isa.name());
    match isa {
        Isa::Plain => warning(
            "processor",
            found,
            "Searches are several times slower than with AVX2; take another machine for large \
             collections.",
        ),
        _ => ok("processor", found),
    }
}

fn dashboard() -> Finding {
    if vitrail_dashboard::is_built() {
        return ok("dashboard", "built in");
    }
    warning("dashboard", "not built in", "Run deploy/build, which builds it before the program.")
}

/// Where Linux says how much memory there is.
const MEMORY_INFO: &str = "/proc/meminfo";

/// Where Linux says how much of it this process's group may take.
const MEMORY_LIMIT: &str = "/sys/fs/cgroup/memory.max";

fn memory() -> Finding {
    let info = std::fs::read_to_string(MEMORY_INFO).unwrap_or_default();
    let limit = std::fs::read_to_string(MEMORY_LIMIT).unwrap_or_default();
    match memory_of(&info, &limit) {
        None => ok("memory", "this system does not tell"),
        Some((total, free)) => {
            let found = format!("{} free of {}", bytes(free), bytes(total));
            if free < MEMORY_WANTED {
                warning("memory", found, "Stop other programs, or give this one more memory.")
            } else {
                ok("memory", found)
            }
        }
    }
}

/// Bytes in all and bytes free, as far as the group's limit lets them be used.
fn memory_of(info: &str, limit: &str) -> Option<(u64, u64)> {
    let line = |name: &str| {
        let rest = info.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
    };
    let limit = limit.trim().parse::<u64>().unwrap_or(u64::MAX);
    Some((line("MemTotal:")?.min(limit), line("MemAvailable:")?.min(limit)))
}

fn engine_and_models(arguments: &Arguments) -> Vec<Finding> {
    let models = match open::models(&arguments.models) {
        Ok(models) => models,
        Err(error) => {
            let todo = "Name another library with VITRAIL_ONNXRUNTIME, or unset it.";
            return vec![problem("engine", error.to_string(), todo)];
        }
    };
    let mut findings = vec![engine(&models)];
    findings.extend(models.names().map(|name| model(&models, name)));
    if models.manifest(Models::DEFAULT).is_none() {
        let found = format!("the default model {} is not installed", Models::DEFAULT);
        findings.push(problem("models", found, "Run deploy/setup, or name a folder by --models."));
    }
    findings
}

fn engine(models: &Models) -> Finding {
    let runtime = models.runtime();
    let found = format!("{} {}", runtime.engine().name(), runtime.version());
    match (runtime.engine(), runtime.library_path(), runtime.notice()) {
        (Engine::OnnxRuntime, Some(library), _) => {
            ok("engine", format!("{found} at {}", library.display()))
        }
        (Engine::OnnxRuntime, None, _) => ok("engine", found),
        (Engine::Tract, _, Some(notice)) => warning("engine", found, notice),
        (Engine::Tract, _, None) => warning(
            "engine",
            found,
            "The built-in engine was asked for; ONNX Runtime is several times faster.",
        ),
    }
}

/// Loads the model, so that what is said is true of this moment.
fn model(models: &Models, name: &str) -> Finding {
    let what = format!("model {name}");
    match (models.state(name), models.serving(name)) {
        (ModelState::Refused(reason), _) => problem(&what, reason, MEND_MODEL),
        (_, Err(error)) => problem(&what, error.to_string(), MEND_MODEL),
        (ModelState::Unverified, Ok(serving)) => {
            warning(&what, format!("unverified, {}", made_by(serving.model())), PROVE_MODEL)
        }
        (ModelState::Verified, Ok(serving)) => {
            ok(what, format!("verified, {}", made_by(serving.model())))
        }
    }
}

/// The vectors' length and the start of their contract.
fn made_by(model: &Model) -> String {
    let (dim, contract) = (model.dim().get(), model.contract_hash());
    format!("{dim} components, contract {}", contract.get(..12).unwrap_or(contract))
}

const PROVE_MODEL: &str = "Its manifest has no golden vector; add one from the model's own code.";

const MEND_MODEL: &str = "Mend what it names, or remove the model's folder.";

/// Which formats of slides are read beyond the own ones.
fn openslide() -> Finding {
    let names: Vec<&str> = VENDORS.iter().map(|vendor| vendor.name).collect();
    let names = names.join(", ");
    match vitrail_ingest::slide::openslide() {
        Ok(found) => {
            let place = found.place.display();
            ok("slides", format!("OpenSlide {} at {place} reads {names}", found.version))
        }
        Err(why) => warning(
            "slides",
            format!("SVS, OME-TIFF and tiled TIFF are read; off are {names}"),
            &format!("{why}."),
        ),
    }
}

/// Room on the disk that holds the store, or would hold it.
fn disk(store: &Path) -> Finding {
    let least = StoreOptions::default().free_bytes_min;
    let place = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
    let Some(there) = place.ancestors().find(|place| place.exists()) else {
        return problem("disk", format!("{} leads nowhere", store.display()), "Mend --store.");
    };
    let found = |free| format!("{} free at {}", bytes(free), there.display());
    let todo = "Free space: below the reserve, writes are refused.";
    match free_bytes(there) {
        Err(error) => problem("disk", error.to_string(), "Mend --store."),
        Ok(free) if free < least => problem("disk", found(free), todo),
        Ok(free) if free < DISK_WANTED => warning("disk", found(free), todo),
        Ok(free) => ok("disk", found(free)),
    }
}

/// Whether the store opens, and who has it if not. Its data is `vitrail check`'s.
fn store(folder: &Path) -> Finding {
    if !Store::exists(folder) {
        return ok("store", format!("none at {} yet; ingest makes it", folder.display()));
    }
    match Store::open(folder, StoreOptions::default()) {
        Ok(store) => {
            let collections = store.collections().len();
            ok("store", format!("{} opens, {collections} collections, free", folder.display()))
        }
        Err(StoreError::InUse { pid, address, .. }) => {
            let at = address.map(|address| format!(" at {address}")).unwrap_or_default();
            ok("store", format!("{} is in use by process {pid}{at}", folder.display()))
        }
        Err(error) => problem("store", error.to_string(), error.code().todo()),
    }
}

fn bytes(count: u64) -> String {
    format!("{:.1} GiB", count as f64 / GIB as f64)
}

fn tell(findings: &[Finding]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Finding { what, state, found, todo } in findings {
        writeln!(out, "{:<8} {what}: {found}", state.name())?;
        if !todo.is_empty() {
            writeln!(out, "         {todo}")?;
        }
    }
    Ok(())
}

fn document(findings: &[Finding], worst: State) -> Value {
    let checks = findings.iter().map(|finding| {
        let todo = Some(&finding.todo).filter(|todo| !todo.is_empty());
        json!({
            "what": finding.what,
            "state": finding.state.name(),
            "found": finding.found,
            "todo": todo,
        })
    });
    json!({"state": worst.name(), "checks": checks.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "MemTotal:       2000 kB\nMemFree: 1 kB\nMemAvailable:    1500 kB\n";

    #[test]
    fn the_groups_limit_bounds_the_memory() {
        assert_eq!(memory_of(INFO, "max\n"), Some((2_048_000, 1_536_000)));
        assert_eq!(memory_of(INFO, "1000\n"), Some((1000, 1000)));
        assert_eq!(memory_of("", "max"), None);
    }

    #[test]
    fn the_worst_state_wins() {
        let findings = [ok("a", ""), problem("b", "broken", "mend it"), warning("c", "", "x")];
        let worst = findings.iter().map(|finding| finding.state).max();
        assert_eq!(worst, Some(State::Problem));
        let shown = document(&findings, State::Problem);
        assert_eq!(shown["checks"][0]["todo"], Value::Null);
        assert_eq!(shown["checks"][1]["todo"], "mend it");
    }

    #[test]
    fn a_store_that_is_held_is_no_problem_and_a_damaged_one_is() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("s");
        assert_eq!(store(&folder).state, State::Ok);
        let held = Store::open(&folder, StoreOptions::default()).expect("opened");
        let found = store(&folder);
        assert!(found.state == State::Ok && found.found.contains("in use"), "{found:?}");
        drop(held);
        vitrail_disk::safe_write(&folder.join("format.vitrail"), b"nonsense").expect("written");
        let found = store(&folder);
        assert_eq!((found.state, found.todo.is_empty()), (State::Problem, false), "{found:?}");
    }

    #[test]
    fn a_disk_is_asked_for_a_store_that_is_not_there_yet() {
        let root = tempfile::tempdir().expect("a folder");
        let found = disk(&root.path().join("a/b/c"));
        assert!(found.found.contains("free at"), "{found:?}");
    }
}
