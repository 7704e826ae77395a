//! `vitrail eval retrieval`: how often the nearest others have a picture's label.

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use vitrail_analysis::{Measured, RESAMPLES, Summary};
use vitrail_cases::{Retrieval, RetrievalRequest, retrieval};
use vitrail_domain::limits::RETRIEVAL_QUERIES_MAX;
use vitrail_domain::{Role, TopK};

use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Args)]
pub struct Options {
    /// The collection.
    #[arg(short, long)]
    collection: String,
    /// The payload path that holds the label; that of the role label when left out.
    #[arg(long)]
    label: Option<String>,
    /// Roles that hits must not share with the query: lesion,patient ... or none. When left out:
    /// patient, case, lesion and slide, as far as the collection maps them.
    #[arg(long, value_delimiter = ',')]
    exclude_same: Option<Vec<String>>,
    /// Nearest others that are judged.
    #[arg(short, default_value_t = 5)]
    k: usize,
    /// Which vector, where the collection has several.
    #[arg(long)]
    using: Option<String>,
    /// Decides the drawings, and which points ask where there are more than the most queries.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Queries at most.
    #[arg(long, default_value_t = RETRIEVAL_QUERIES_MAX)]
    queries: usize,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    arguments.refuse_remote("eval")?;
    let request = request_of(options)?;
    let catalog = open::catalog(&arguments.store, false)?;
    let collection = catalog.get(&options.collection.parse()?)?;
    let started = Instant::now();
    let measured = retrieval(&collection, &request)?;
    let seconds = started.elapsed().as_secs_f64();
    if options.json {
        return print(&document(options, &measured, seconds));
    }
    tell(&mut io::stdout().lock(), options, &measured)?;
    Ok(ExitCode::SUCCESS)
}

fn request_of(options: &Options) -> Result<RetrievalRequest, Failure> {
    let roles = |names: &Vec<String>| -> Result<Vec<Role>, String> {
        let names = names.iter().filter(|name| *name != "none");
        names.map(|name| name.parse::<Role>()).collect()
    };
    Ok(RetrievalRequest {
        using: options.using.as_deref().map(str::parse).transpose()?,
        label: options.label.as_deref().map(str::parse).transpose()?,
        exclude_same: options.exclude_same.as_ref().map(roles).transpose()?,
        k: TopK::new(options.k)?,
        seed: options.seed,
        queries_max: Some(options.queries),
    })
}

fn names(roles: &[Role]) -> Vec<&'static str> {
    roles.iter().map(|role| role.name()).collect()
}

fn tell(out: &mut impl io::Write, options: &Options, measured: &Retrieval) -> io::Result<()> {
    let (report, spec) = (&measured.report, &measured.spec);
    let own = match names(&measured.excluded).join(", ") {
        roles if roles.is_empty() => "nobody left out".to_owned(),
        roles => format!("own {roles} left out"),
    };
    writeln!(
        out,
        "{}: {} of {} points ask, by {} ({}), label {}, {own}",
        options.collection,
        report.queries,
        report.points,
        measured.vector,
        spec.metric,
        measured.label
    )?;
    for (count, why) in [
        (measured.unlabelled, "points have no label and were not looked at"),
        (report.without_match, "points have no other of their label to find and were not judged"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {why}")?;
        }
    }
    let title = format!("precision@{}", options.k);
    let width = report.classes.iter().map(|class| class.label.chars().count()).max();
    let width = width.unwrap_or(0).max("classes (macro)".len());
    writeln!(out, "\n{:<width$} {:>6}  {title:<27}  by chance  at best", "", "n")?;
    let mut line = |name: &str, count: usize, arms: [Measured; 3]| {
        writeln!(out, "{name:<width$} {count:>6}  {}", figures(arms))
    };
    let arms = [&report.precision, &report.random, &report.attainable];
    line("all (micro)", report.queries, arms.map(|arm| arm.micro))?;
    line("classes (macro)", report.classes.len(), arms.map(|arm| arm.macro_mean))?;
    for class in &report.classes {
        let arms = [class.precision, class.random, class.attainable];
        line(&class.label, class.queries, arms)?;
    }
    let by_chance = shown(report.random_vectors.micro);
    writeln!(out, "\nrandom vectors in place of these: {by_chance} (micro)")?;
    writeln!(
        out,
        "95 % intervals: {RESAMPLES} drawings of {} clusters, seed {}",
        report.clusters, report.options.seed
    )
}

fn figures([precision, random, attainable]: [Measured; 3]) -> String {
    let (precision, random, best) = (shown(precision), random.mean, attainable.mean);
    format!("{precision:<27}  {random:>9.3}  {best:>7.3}")
}

fn shown(measured: Measured) -> String {
    match measured.interval {
        Some((low, high)) => format!("{:.3} ({low:.3} to {high:.3})", measured.mean),
        None => format!("{:.3}", measured.mean),
    }
}

fn document(options: &Options, measured: &Retrieval, seconds: f64) -> Value {
    let report = &measured.report;
    let classes = report.classes.iter().map(|class| {
        json!({
            "label": class.label,
            "queries": class.queries,
            "precision": figure(class.precision),
            "random": figure(class.random),
            "attainable": figure(class.attainable),
        })
    });
    json!({
        "report": "retrieval",
        "version": 1,
        "collection": options.collection,
        "vector": measured.vector.as_str(),
        "metric": measured.spec.metric.name(),
        "model": measured.spec.model,
        "contract": measured.spec.contract,
        "label": measured.label.to_string(),
        "exclude_same": names(&measured.excluded),
        "clustered_by": names(&measured.clustered_by),
        "k": report.options.k.get(),
        "seed": report.options.seed,
        "resamples": RESAMPLES,
        "inputs": measured.inputs,
        "points": report.points,
        "unlabelled": measured.unlabelled,
        "queries": report.queries,
        "without_match": report.without_match,
        "clusters": report.clusters,
        "precision": both(&report.precision),
        "random": both(&report.random),
        "random_vectors": both(&report.random_vectors),
        "attainable": both(&report.attainable),
        "classes": classes.collect::<Vec<_>>(),
        "seconds": seconds,
    })
}

fn both(summary: &Summary) -> Value {
    json!({"micro": figure(summary.micro), "macro": figure(summary.macro_mean)})
}

fn figure(measured: Measured) -> Value {
    let interval = measured.interval.map(|(low, high)| [low, high]);
    json!({"mean": measured.mean, "interval": interval})
}
