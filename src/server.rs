//! Serves a store over HTTP: rooms are opened bottom-up and closed top-down.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;
use vitrail_api::{ApiState, Dashboard, File, check_listen};
use vitrail_cases::Cases;
use vitrail_jobs::{Jobs, Upkeep};
use vitrail_sources::Settings;
use vitrail_vector_index::plan::Costs;

use crate::open::{self, Failure};

/// What is served, and where.
pub struct Serving {
    /// The address asked for; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The key that callers must send.
    pub key: Option<String>,
    /// Folders whose files may be ingested by path.
    pub roots: Vec<PathBuf>,
    /// What may be fetched from far away.
    pub sources: Settings,
    /// Folders of models, before the usual places.
    pub models: Vec<PathBuf>,
}

/// Serves the store until `stop` is notified. `ready` is told the address once requests are
/// answered.
///
/// # Errors
/// An address that can't be listened on, or not without a key; a store that can't be opened.
pub fn serve(
    store: &Path,
    serving: Serving,
    stop: Arc<Notify>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    check_listen(serving.listen, serving.key.as_deref())?;
    let listener = TcpListener::bind(serving.listen)
        .map_err(|error| format!("can't listen on {}: {error}", serving.listen))?;
    let listen = listener.local_addr()?;
    // Now, while nothing else runs: the first search would have to wait for it.
    let _ = Costs::measured();
    let models = open::models(&serving.models)?;
    let catalog = open::served_catalog(store, format!("http://{listen}"))?;
    let mut jobs = Jobs::open(open::ingest(catalog.clone(), models.clone(), serving.sources))?;
    jobs.start()?;
    let upkeep = Upkeep::start(catalog.clone())?;
    let state = ApiState {
        catalog: catalog.clone(),
        cases: Cases::new(models),
        jobs: Arc::new(jobs),
        roots: serving.roots,
        key: serving.key,
        listen,
        title: "Vitrail",
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("VITRAIL_COMMIT").unwrap_or("unknown"),
        dashboard: Dashboard {
            file: dashboard_file,
            policy: vitrail_dashboard::CONTENT_SECURITY_POLICY,
        },
    };
    ready(listen);
    // The state, and with it the jobs, is dropped when this returns.
    let served = vitrail_api::run(listener, state, async move { stop.notified().await });
    drop(upkeep);
    catalog.close();
    Ok(served?)
}

fn dashboard_file(path: &str) -> Option<File> {
    let vitrail_dashboard::File { bytes, content_type, etag, cache_control } =
        vitrail_dashboard::file(path)?;
    Some(File { bytes, content_type, etag, cache_control })
}
