//! The command line.

mod check;
mod doctor;
mod embed;
mod eval;
mod ingest;
mod json;
mod similar;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::json;

use crate::open::{self, Failure};

/// The embedding search database for medical images. An aid for research, curation and quality
/// work, not a medical device.
#[derive(Debug, Parser)]
#[command(name = "vitrail", version, after_help = EXAMPLES)]
struct Arguments {
    /// The store's folder.
    #[arg(long, global = true, env = "VITRAIL_STORE", default_value = "./vitrail-data")]
    store: PathBuf,
    /// A folder of models, before the usual places.
    #[arg(long, global = true)]
    models: Vec<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  vitrail ingest pictures/ -c skin --metadata pictures/table.csv
  vitrail similar picture.jpg -c skin -k 5 --exclude-same lesion
  vitrail similar --id 67e55044-10b1-426f-9247-bb680e5fe0c8 -c skin --json
  vitrail collections show skin --json
  vitrail eval retrieval -c skin --label label -k 5
  vitrail embed pictures/ --out pictures.npy";

#[derive(Debug, Subcommand)]
enum Command {
    /// Embeds pictures into a collection, made on first use; run again, it resumes.
    Ingest(ingest::Options),
    /// Finds the stored pictures most like one.
    Similar(similar::Options),
    /// Embeds pictures into a file: NumPy, Parquet or JSON lines. Needs no store.
    Embed(embed::Options),
    /// Reads all data of the store and verifies it; exits with 1 where something is damaged.
    Check(check::Options),
    /// Looks at this installation and machine; exits with 1 where something must be mended.
    Doctor(doctor::Options),
    /// Measures a collection.
    Eval {
        #[command(subcommand)]
        what: EvalCommand,
    },
    /// Models of this installation.
    Models {
        #[command(subcommand)]
        what: ModelsCommand,
    },
    /// Collections of the store.
    Collections {
        #[command(subcommand)]
        what: CollectionsCommand,
    },
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// How often the nearest others have a picture's label: precision at k, leaving one out.
    Retrieval(eval::Options),
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Names, contracts and whether each passed its verification.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum CollectionsCommand {
    /// Names and points.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// One collection's points, vectors and roles.
    Show {
        /// Its name.
        name: String,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command line; errors go to standard error in a sentence.
#[must_use]
pub fn run() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VITRAIL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let arguments = Arguments::parse();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        Command::Ingest(options) => ingest::run(arguments, options),
        Command::Similar(options) => similar::run(arguments, options),
        Command::Embed(options) => embed::run(arguments, options),
        Command::Check(options) => check::run(arguments, options),
        Command::Doctor(options) => doctor::run(arguments, options),
        Command::Eval { what: EvalCommand::Retrieval(options) } => eval::run(arguments, options),
        Command::Models { what: ModelsCommand::List { .. } } => {
            let models = open::models(&arguments.models)?;
            let all: Vec<_> = models.names().map(|name| json::model(&models, name)).collect();
            print(&json!({ "models": all }))
        }
        Command::Collections { what } => {
            let catalog = open::catalog(&arguments.store, false)?;
            let shown = match what {
                CollectionsCommand::List { .. } => {
                    let all: Vec<_> =
                        catalog.list().iter().map(|one| json::collection(one)).collect();
                    json!({ "collections": all })
                }
                CollectionsCommand::Show { name, .. } => {
                    json::collection(&*catalog.get(&name.parse()?)?)
                }
            };
            print(&shown)
        }
    }
}

/// One JSON document on standard output.
fn print(value: &serde_json::Value) -> Result<ExitCode, Failure> {
    writeln!(io::stdout().lock(), "{value:#}")?;
    Ok(ExitCode::SUCCESS)
}
