//! `vitrail bench`: how fast and how exact this machine is, on your own data or on drawn points.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vitrail_domain::{Mpp, TopK};

use super::{Arguments, print};
use crate::bench::{self, Ann, Load, Loads};
use crate::open::Failure;

#[derive(Debug, Subcommand)]
pub enum What {
    /// Graph search over rows in files: build, memory, recall against speed.
    Ann(AnnOptions),
    /// Durable writes into the store named by --store, which must hold no collection `bench`.
    Write(LoadOptions),
    /// Searches beside a bulk load into the store named by --store, which must hold no collection
    /// `load`: latency while points are written, frozen and merged.
    Load(LoadsOptions),
    /// Filters over the collection that `bench write` made.
    Filter(JsonOptions),
    /// Tags points by filter in the collection that `bench write` made.
    Payload(JsonOptions),
    /// Cuts a slide into tiles without inference: tiles a second, memory.
    Slide(SlideOptions),
    /// Writes a synthetic slide of any size, whose empty glass takes no room.
    MakeSlide(MakeOptions),
    /// Opens the store that `bench write` made and asks.
    Restart(JsonOptions),
}

#[derive(Debug, Args)]
pub struct AnnOptions {
    /// Rows to search: .npy, float, C order.
    #[arg(long)]
    base: PathBuf,
    /// Queries: .npy.
    #[arg(long)]
    queries: PathBuf,
    /// True neighbours, nearest first: .npy of integers; found exactly when left out.
    #[arg(long)]
    truth: Option<PathBuf>,
    /// One filter a query, a line of JSON each.
    #[arg(long, requires = "payloads")]
    filters: Option<PathBuf>,
    /// One payload a row, a line of JSON each; a .npy of integers becomes the field `label`.
    #[arg(long)]
    payloads: Option<PathBuf>,
    /// cosine, dot, euclid or manhattan.
    #[arg(long, default_value = "cosine")]
    metric: String,
    /// Neighbours.
    #[arg(short, default_value_t = 10)]
    k: usize,
    /// Threads of the build; every core when left out.
    #[arg(long)]
    threads: Option<usize>,
    /// Whose graph: own, or hnsw_rs by its own search.
    #[arg(long, default_value = "own")]
    graph: String,
    /// Where the segment's files lie, and stay: what is there whole is opened and not built again.
    #[arg(long)]
    segments: Option<PathBuf>,
    /// Seconds for which each point of a curve is measured, at least.
    #[arg(long, default_value_t = 0.3)]
    seconds: f64,
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct LoadOptions {
    /// Points.
    #[arg(long, default_value_t = 100_000)]
    points: usize,
    /// Components.
    #[arg(long, default_value_t = 384)]
    dim: usize,
    /// Points of one durable batch.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Threads that write.
    #[arg(long, default_value_t = 4)]
    writers: usize,
    /// Freeze and merge afterwards, so that `payload` and `restart` find segments on disk.
    #[arg(long)]
    settle: bool,
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct LoadsOptions {
    /// Points at rest before the load.
    #[arg(long, default_value_t = 100_000)]
    points: usize,
    /// Points loaded beside searches.
    #[arg(long, default_value_t = 100_000)]
    more: usize,
    /// Components.
    #[arg(long, default_value_t = 384)]
    dim: usize,
    /// Points of one durable batch.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct SlideOptions {
    /// The slide.
    slide: PathBuf,
    /// Micrometres a pixel of the tiles, or several.
    #[arg(long, value_delimiter = ',', default_value = "0.5,1,2")]
    tile_mpp: Vec<f64>,
    /// Micrometres a level-0 pixel, for slides that do not say.
    #[arg(long)]
    mpp: Option<f64>,
    /// Threads that read; every core when left out.
    #[arg(long)]
    threads: Option<usize>,
    /// Judge the quality of each tile too.
    #[arg(long)]
    quality: bool,
    /// Read by OpenSlide, whatever the file.
    #[arg(long)]
    by_openslide: bool,
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct MakeOptions {
    /// The file.
    #[arg(short, long)]
    out: PathBuf,
    /// Pixels a side.
    #[arg(long, default_value_t = 100_000)]
    side: u32,
    /// Decides the cells.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct JsonOptions {
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

/// Points of one durable batch of tags.
const TAGS: usize = 5_000;

/// Searches of a steady state.
const STEADY: usize = 2_000;

/// How often a server looks for segments to freeze.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub fn run(arguments: &Arguments, what: &What) -> Result<ExitCode, Failure> {
    arguments.refuse_remote("bench")?;
    let report = match what {
        What::Ann(options) => ann(options)?,
        What::Write(options) => bench::write(&arguments.store, load_of(options))?,
        What::Load(options) => bench::load(&arguments.store, loads_of(options))?,
        What::Filter(_) => bench::filter(&arguments.store)?,
        What::Payload(_) => bench::payload(&arguments.store, TAGS)?,
        What::Slide(options) => cut(options)?,
        What::MakeSlide(options) => bench::make_slide(&options.out, options.side, options.seed)?,
        What::Restart(_) => bench::restart(&arguments.store)?,
    };
    print(&with_machine(report))
}

fn cut(options: &SlideOptions) -> Result<Value, Failure> {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    bench::cut(&bench::Cut {
        path: &options.slide,
        scales: options.tile_mpp.iter().map(|mpp| Mpp::new(*mpp)).collect::<Result<_, _>>()?,
        threads: options.threads.unwrap_or_else(cores),
        judged: options.quality,
        by_openslide: options.by_openslide,
        slide_mpp: options.mpp.map(Mpp::new).transpose()?,
    })
}

fn ann(options: &AnnOptions) -> Result<Value, Failure> {
    bench::ann(&Ann {
        base: options.base.clone(),
        queries: options.queries.clone(),
        truth: options.truth.clone(),
        filters: options.filters.clone(),
        payloads: options.payloads.clone(),
        metric: options.metric.parse()?,
        k: TopK::new(options.k)?,
        threads: options.threads,
        graph: options.graph.parse()?,
        segments: options.segments.clone(),
        at_least: Duration::try_from_secs_f64(options.seconds)?,
    })
}

fn loads_of(options: &LoadsOptions) -> Loads {
    Loads {
        points: options.points,
        more: options.more,
        dim: options.dim,
        batch: options.batch,
        steady: STEADY,
        look_every: LOOK_EVERY,
    }
}

fn load_of(options: &LoadOptions) -> Load {
    Load {
        points: options.points,
        dim: options.dim,
        batch: options.batch,
        writers: options.writers,
        settle: options.settle,
    }
}

/// What a figure is worth nothing without.
fn with_machine(mut report: Value) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    report["machine"] = json!({
        "cores": cores,
        "kernels": vitrail_kernels::Kernels::best().isa().name(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    report
}
