//! `vitrail jobs`: long work that was asked for, and what became of it.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;
use vitrail_api::contract::credentials::ResumeRequest;
use vitrail_api::contract::job::{job as wire, list as wire_list};
use vitrail_domain::Cancel;
use vitrail_jobs::Jobs;
use vitrail_sources::Settings;

use super::far::{Stores, Who};
use super::progress::{self, Screen};
use super::remote::Remote;
use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Subcommand)]
pub enum What {
    /// Every job, newest first.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// One job with what it refused.
    Show {
        /// Its id.
        id: Uuid,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Asks a running job of a server to stop at its next safe point.
    Cancel {
        /// Its id.
        id: Uuid,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Goes on with a job that was stopped; what is stored is skipped.
    Resume {
        /// Its id.
        id: Uuid,
        #[command(flatten)]
        stores: Stores,
        #[command(flatten)]
        who: Who,
        /// One line a durable batch, the summary last.
        #[arg(long)]
        json: bool,
    },
}

/// How often a server is asked how far its job is.
const LOOK_EVERY: Duration = Duration::from_millis(300);

pub fn run(arguments: &Arguments, what: &What) -> Result<ExitCode, Failure> {
    let remote = arguments.remote()?;
    match (what, remote) {
        (What::List { json }, Some(remote)) => show_all(&remote.get("/v1/jobs")?, *json),
        (What::List { json }, None) => {
            let (jobs, _) = open_jobs(arguments, Settings::default())?;
            show_all(&serde_json::to_value(wire_list(&jobs.list()))?, *json)
        }
        (What::Show { id, json }, Some(remote)) => {
            show_one(&remote.get(&format!("/v1/jobs/{id}"))?, *json)
        }
        (What::Show { id, json }, None) => {
            let (jobs, _) = open_jobs(arguments, Settings::default())?;
            show_one(&serde_json::to_value(wire(&jobs.get(*id)?))?, *json)
        }
        (What::Cancel { id, json }, Some(remote)) => {
            show_one(&remote.post(&format!("/v1/jobs/{id}/cancel"), &json!({}))?, *json)
        }
        (What::Cancel { .. }, None) => {
            Err("a job runs in the process that owns the store: give its --url".into())
        }
        (What::Resume { id, who, json, .. }, Some(remote)) => {
            let asked = ResumeRequest { credentials: who.read(&[])? };
            remote.post(&format!("/v1/jobs/{id}/resume"), &serde_json::to_value(asked)?)?;
            follow(&remote, &id.to_string(), *json)
        }
        (What::Resume { id, stores, who, json }, None) => {
            resume_here(arguments, *id, (stores, who), *json)
        }
    }
}

type Opened = (Jobs, std::sync::Arc<vitrail_collection::Catalog>);

fn open_jobs(arguments: &Arguments, sources: Settings) -> Result<Opened, Failure> {
    let models = open::models(&arguments.models)?;
    let catalog = open::catalog(&arguments.store, false)?;
    Ok((Jobs::open(open::ingest(catalog.clone(), models, sources))?, catalog))
}

fn resume_here(
    arguments: &Arguments,
    id: Uuid,
    (stores, who): (&Stores, &Who),
    json: bool,
) -> Result<ExitCode, Failure> {
    let (jobs, catalog) = open_jobs(arguments, stores.named()?)?;
    if let Some(credentials) = who.read(&jobs.get(id)?.spec.sources)? {
        jobs.credit(id, credentials.read()?)?;
    }
    jobs.make_ready(id)?;
    let cancel = Cancel::new();
    let flag = cancel.clone();
    ctrlc::set_handler(move || flag.cancel())?;
    let ended = jobs.run_here(id, &cancel, &Screen::new(json))?;
    catalog.close();
    progress::finish(&ended, json)
}

/// Follows a server's job to its end. Ctrl-C leaves it running there.
pub fn follow(remote: &Remote, id: &str, json: bool) -> Result<ExitCode, Failure> {
    let screen = Screen::new(json);
    loop {
        let job = remote.get(&format!("/v1/jobs/{id}"))?;
        let count = |key: &str| job.get(key).and_then(Value::as_u64);
        let number = |key: &str| job.get(key).and_then(Value::as_f64);
        let rate = number("images_per_second").unwrap_or_default();
        screen.line(
            count("done").unwrap_or_default(),
            count("total"),
            rate,
            number("seconds_left"),
        );
        match job.get("state").and_then(Value::as_str) {
            Some("queued" | "running") => std::thread::sleep(LOOK_EVERY),
            Some("done") => {
                screen.clear();
                progress::tell(&job, json)?;
                return Ok(ExitCode::SUCCESS);
            }
            state => {
                screen.clear();
                let why = job.get("message").and_then(Value::as_str).unwrap_or("no reason given");
                return Err(format!("job {id} is {}: {why}", state.unwrap_or("unknown")).into());
            }
        }
    }
}

fn show_all(all: &Value, json: bool) -> Result<ExitCode, Failure> {
    if json {
        return print(all);
    }
    for job in all.get("jobs").and_then(Value::as_array).into_iter().flatten() {
        line(job)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show_one(job: &Value, json: bool) -> Result<ExitCode, Failure> {
    if json {
        return print(job);
    }
    line(job)?;
    progress::tell(job, false)?;
    Ok(ExitCode::SUCCESS)
}

fn line(job: &Value) -> Result<(), Failure> {
    let text = |key: &str| job.get(key).and_then(Value::as_str).unwrap_or("-");
    let count = |key: &str| job.get(key).and_then(Value::as_u64).unwrap_or_default();
    writeln!(
        io::stdout().lock(),
        "{}  {:<11}  {}  {}  {} done, {} refused",
        text("id"),
        text("state"),
        text("created_at"),
        text("collection"),
        count("done"),
        count("refused_count")
    )?;
    Ok(())
}
