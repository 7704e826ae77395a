//! The command line.

mod bench;
mod catalog;
mod check;
mod demo;
mod doctor;
mod embed;
mod eval;
mod far;
mod ingest;
mod jobs;
mod models;
mod progress;
mod quality;
mod remote;
mod serve;
mod similar;
mod slide;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::open::Failure;
use remote::Remote;

/// The embedding search database for medical images. An aid for research, curation and quality
/// work, not a medical device.
#[derive(Debug, Parser)]
#[command(name = "vitrail", version, after_help = EXAMPLES)]
struct Arguments {
    /// The store's folder.
    #[arg(long, global = true, env = "VITRAIL_STORE", default_value = "./vitrail-data")]
    store: PathBuf,
    /// A running server to ask instead of opening a store: http://HOST:PORT.
    #[arg(long, global = true, env = "VITRAIL_URL")]
    url: Option<String>,
    /// A file whose first line is the server's key.
    #[arg(long, global = true, env = "VITRAIL_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// A folder of models, before the usual places.
    #[arg(long, global = true)]
    models: Vec<PathBuf>,
    /// The OpenSlide library that reads vendors' slides, or none; the usual places when left out.
    #[arg(long, global = true, env = "VITRAIL_OPENSLIDE")]
    openslide: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  vitrail ingest pictures/ -c skin --metadata pictures/table.csv
  vitrail similar picture.jpg -c skin -k 5 --exclude-same lesion
  vitrail eval retrieval -c skin --label label -k 5
  vitrail embed pictures/ --out pictures.npy
  vitrail demo
  vitrail serve
  vitrail --url http://127.0.0.1:6333 collections show skin --json";

#[derive(Debug, Subcommand)]
enum Command {
    /// Draws a synthetic atlas (or takes your folder), loads it, asks one question and serves it.
    Demo(demo::Options),
    /// Serves the store over HTTP, with the dashboard.
    Serve(serve::Options),
    /// Embeds pictures into a collection, made on first use; run again, it resumes.
    Ingest(ingest::Options),
    /// Finds the stored pictures most like one.
    Similar(similar::Options),
    /// Embeds pictures into a file: NumPy, Parquet or JSON lines. Needs no store.
    Embed(embed::Options),
    /// Judges pictures: sharp, well lit, no pen, not empty, undamaged. Needs no store.
    Quality(quality::Options),
    /// What an ingest would see of a slide: levels, tissue, tiles.
    Slide {
        #[command(subcommand)]
        what: slide::What,
    },
    /// Measures a collection.
    Eval {
        #[command(subcommand)]
        what: EvalCommand,
    },
    /// Reads all data of the store and verifies it; exits with 1 where something is damaged.
    Check(check::Options),
    /// Looks at this installation and machine; exits with 1 where something must be mended.
    Doctor(doctor::Options),
    /// Models of this installation.
    Models {
        #[command(subcommand)]
        what: models::What,
    },
    /// Collections of the store.
    Collections {
        #[command(subcommand)]
        what: catalog::Collections,
    },
    /// How fast and how exact this machine is.
    Bench {
        #[command(subcommand)]
        what: bench::What,
    },
    /// Long work that was asked for, and what became of it.
    Jobs {
        #[command(subcommand)]
        what: jobs::What,
    },
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// How often the nearest others have a picture's label: precision at k, leaving one out.
    Retrieval(eval::Options),
}

impl Arguments {
    /// The server to ask, if one is named.
    fn remote(&self) -> Result<Option<Remote>, Failure> {
        let remote = self.url.as_ref().map(|url| Remote::new(url, self.key_file.as_deref()));
        remote.transpose()
    }

    /// For commands that read a store themselves.
    fn refuse_remote(&self, command: &str) -> Result<(), Failure> {
        match &self.url {
            None => Ok(()),
            Some(url) => Err(format!(
                "{command} reads a store itself and can't ask {url}: stop the server, and leave \
                 --url and VITRAIL_URL out"
            )
            .into()),
        }
    }
}

/// Runs the command line; errors go to standard error in a sentence.
#[must_use]
pub fn run() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VITRAIL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let arguments = Arguments::parse();
    if let Some(library) = &arguments.openslide {
        vitrail_ingest::slide::use_openslide(library.clone());
    }
    match dispatch(&arguments) {
        Ok(code) => code,
        // Whoever read has read enough: `vitrail ... | head`.
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn dispatch(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Demo(options) => demo::run(arguments, options),
        Command::Quality(options) => quality::run(options),
        Command::Slide { what } => slide::run(what),
        Command::Serve(options) => serve::run(arguments, options),
        Command::Ingest(options) => ingest::run(arguments, options),
        Command::Similar(options) => similar::run(arguments, options),
        Command::Embed(options) => embed::run(arguments, options),
        Command::Eval { what: EvalCommand::Retrieval(options) } => eval::run(arguments, options),
        Command::Check(options) => check::run(arguments, options),
        Command::Doctor(options) => doctor::run(arguments, options),
        Command::Models { what } => models::run(arguments, what),
        Command::Collections { what } => catalog::collections(arguments, what),
        Command::Bench { what } => bench::run(arguments, what),
        Command::Jobs { what } => jobs::run(arguments, what),
    }
}

/// One JSON document on standard output.
fn print(value: &serde_json::Value) -> Result<ExitCode, Failure> {
    writeln!(io::stdout().lock(), "{value:#}")?;
    Ok(ExitCode::SUCCESS)
}
