//! `vitrail serve`: the store over HTTP, with the dashboard.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::Notify;

use super::far::Stores;
use super::{Arguments, remote};
use crate::open::Failure;
use crate::server::{Serving, serve};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vitrail --store ./vitrail-data serve
  vitrail serve --listen 0.0.0.0:6333 --key-file ./key --allow-root /data/pictures
  vitrail serve --allow-private-source dicomweb+http://pacs:8042/dicom-web")]
pub struct Options {
    /// The address; one that other machines can reach needs --key-file. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:6333")]
    listen: SocketAddr,
    /// A folder whose files callers may ingest by path; may be given several times.
    #[arg(long)]
    allow_root: Vec<PathBuf>,
    /// A prefix of addresses that callers may ingest from, such as s3://bucket/scans/ or
    /// https://host/pictures; its machine must have a public address. May be given several times.
    #[arg(long)]
    allow_source: Vec<String>,
    /// The same for machines of a private network, such as dicomweb+http://pacs:8042/dicom-web.
    #[arg(long)]
    allow_private_source: Vec<String>,
    #[command(flatten)]
    stores: Stores,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let serving = Serving {
        listen: options.listen,
        key: arguments.key_file.as_deref().map(remote::read_key).transpose()?,
        roots: options.allow_root.clone(),
        sources: options.stores.listed(&options.allow_source, &options.allow_private_source)?,
        models: arguments.models.clone(),
    };
    until_stopped(arguments, serving)
}

/// Serves until Ctrl-C or a request to end.
pub fn until_stopped(arguments: &Arguments, serving: Serving) -> Result<ExitCode, Failure> {
    let stop = Arc::new(Notify::new());
    let asked = stop.clone();
    ctrlc::set_handler(move || asked.notify_one())?;
    serve(&arguments.store, serving, stop, |listen| {
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "Vitrail answers at http://{listen}");
        let _ = writeln!(out, "The dashboard:     http://{listen}/dashboard");
        let _ = writeln!(out, "Ctrl-C stops it.");
        let _ = out.flush();
    })?;
    Ok(ExitCode::SUCCESS)
}
