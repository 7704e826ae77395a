//! `vitrail models`: what there is, what comes with the program, and how a model sees a picture.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::{Value, json};
use vitrail_api::contract::model;
use vitrail_cases::{Cases, model_card, model_cards};
use vitrail_disk::safe_write;
use vitrail_embed::{Models, ModelsOptions, Places, Preset, bind, import};

use super::catalog::{list, number, text};
use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Subcommand)]
pub enum What {
    /// Names, contracts and whether each passed its verification.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// One model: its contract, its licence, the checks that it passed.
    Show {
        /// Its name.
        name: String,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Repeats a model's checks of registration; exits with 1 where one fails.
    Verify {
        /// Its name.
        name: String,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Recipes that come with the program, for weights that only you can bring.
    Presets {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Binds a preset to your own files: writes model.toml beside them and verifies the model.
    Add {
        /// The preset.
        name: String,
        /// The folder of the graphs and tokenizers.
        #[arg(long, value_name = "FOLDER")]
        weights: PathBuf,
    },
    /// Prints a manifest from preprocessor_config.json, open_clip_config.json, timm's config.json or
    /// Triton's config.pbtxt, and says what it could not know.
    Import {
        /// The folder of these files.
        folder: PathBuf,
    },
    /// What a model does to a picture: the recipe, the tensor, and what the network sees.
    Explain {
        /// The picture.
        image: PathBuf,
        /// The model; the default one when left out.
        #[arg(short, long, default_value = Models::DEFAULT)]
        model: String,
        /// Writes the tensor there, as NumPy's .npy.
        #[arg(long, value_name = "FILE")]
        tensor: Option<PathBuf>,
        /// Writes what the network sees there, as PNG.
        #[arg(long, value_name = "FILE")]
        png: Option<PathBuf>,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

pub fn run(arguments: &Arguments, what: &What) -> Result<ExitCode, Failure> {
    match what {
        What::List { json } => all(arguments, *json),
        What::Show { name, json } => show(arguments, name, *json),
        What::Verify { name, json } => verify(arguments, name, *json),
        What::Presets { json } => presets(*json),
        What::Add { name, weights } => add(name, weights),
        What::Import { folder } => imported(folder),
        What::Explain { image, model, tensor, png, json } => {
            explain(arguments, (image, model), (tensor.as_deref(), png.as_deref()), *json)
        }
    }
}

fn all(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let all = match arguments.remote()? {
        Some(remote) => remote.get("/v1/models")?,
        None => {
            serde_json::to_value(model::list(&model_cards(&*open::models(&arguments.models)?)))?
        }
    };
    if json {
        return print(&all);
    }
    let mut out = io::stdout().lock();
    for one in list(&all, "models") {
        let (dim, reason) = (number(one, "dim"), text(one, "reason"));
        let (name, state) = (text(one, "name"), text(one, "state"));
        writeln!(out, "{name:<28} {state:<10} {dim:>6}  {}  {reason}", text(one, "licence"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Arguments, name: &str, json: bool) -> Result<ExitCode, Failure> {
    let one = match arguments.remote()? {
        Some(remote) => remote.get(&format!("/v1/models/{name}"))?,
        None => {
            let models = open::models(&arguments.models)?;
            let card = model_card(&models, name).ok_or_else(|| format!("no model {name}"))?;
            serde_json::to_value(model::model(&card))?
        }
    };
    if json {
        return print(&one);
    }
    let mut out = io::stdout().lock();
    for key in ["name", "state", "reason", "dim", "rows", "text", "metric", "contract", "licence",
        "note", "runtime"]
    {
        match one.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(said)) => writeln!(out, "{key:<9} {said}")?,
            Some(other) => writeln!(out, "{key:<9} {other}")?,
        }
    }
    for check in list(&one, "checks") {
        writeln!(out, "passed    {}: {}", text(check, "name"), text(check, "found"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(arguments: &Arguments, name: &str, json: bool) -> Result<ExitCode, Failure> {
    arguments.refuse_remote("models verify")?;
    let report = Cases::new(open::models(&arguments.models)?).verify(name)?;
    if json {
        return print(&json!({"model": name, "checks": model::checks(&report.checks)}));
    }
    let mut out = io::stdout().lock();
    for check in &report.checks {
        writeln!(out, "passed {}: {}", check.name, check.found)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn presets(json: bool) -> Result<ExitCode, Failure> {
    let mut rows = Vec::new();
    for preset in Preset::ALL {
        let manifest = preset.manifest()?;
        rows.push(json!({
            "name": preset.name,
            "verified": manifest.verification.verified.word(),
            "dim": manifest.image_output().map(|output| output.dim),
            "licence": manifest.licence.spdx_or_name,
            "gated": manifest.licence.gated,
            "commercial": manifest.licence.commercial,
            "description": manifest.identity.description,
            "source": manifest.licence.source_url,
        }));
    }
    if json {
        return print(&json!({"presets": rows}));
    }
    let mut out = io::stdout().lock();
    for row in &rows {
        let (name, verified, dim) = (text(row, "name"), text(row, "verified"), number(row, "dim"));
        writeln!(out, "{name:<26} {verified:<10} {dim:>5}  {}", text(row, "licence"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn add(name: &str, weights: &Path) -> Result<ExitCode, Failure> {
    let preset = Preset::ALL.iter().find(|preset| preset.name == name);
    let preset = preset.ok_or_else(|| format!("no preset {name}; see vitrail models presets"))?;
    let bound = bind(preset, weights)?;
    let path = weights.join(Models::MANIFEST);
    safe_write(&path, bound.manifest.as_bytes())?;
    let options = ModelsOptions {
        folders: vec![weights.to_owned()],
        places: Places::of_process(),
        threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ..ModelsOptions::default()
    };
    let models = Models::discover(&options)?;
    let serving = models.serving(name)?;
    let mut out = io::stdout().lock();
    for check in &serving.model().report().checks {
        writeln!(out, "passed {}: {}", check.name, check.found)?;
    }
    writeln!(out, "wrote {} over {}", path.display(), bound.files.join(", "))?;
    writeln!(out, "use it with --models {}, or VITRAIL_MODELS", weights.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The manifest goes to standard output, what is not known beside it.
fn imported(folder: &Path) -> Result<ExitCode, Failure> {
    let imported = import(folder)?;
    let mut out = io::stdout().lock();
    writeln!(out, "# From {}.", imported.read.join(", "))?;
    for unknown in &imported.unknown {
        writeln!(out, "# Not known: {unknown}.")?;
    }
    write!(out, "{}", imported.manifest)?;
    let mut told = io::stderr().lock();
    for unknown in &imported.unknown {
        writeln!(told, "not known: {unknown}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(
    arguments: &Arguments,
    (image, name): (&Path, &str),
    (tensor, png): (Option<&Path>, Option<&Path>),
    json: bool,
) -> Result<ExitCode, Failure> {
    arguments.refuse_remote("models explain")?;
    let bytes =
        std::fs::read(image).map_err(|error| format!("{}: {error}", image.display()))?;
    let models = open::models(&arguments.models)?;
    let card = model_card(&models, name).ok_or_else(|| format!("no model {name}"))?;
    let found = Cases::new(models).explain(name, &bytes.into())?;
    let shown = model::explanation(&card, &found);
    for (path, data) in [(tensor, &shown.tensor_npy), (png, &shown.seen_png)] {
        if let Some(path) = path {
            safe_write(path, &STANDARD.decode(data)?)?;
        }
    }
    if json {
        return print(&serde_json::to_value(&shown)?);
    }
    let mut out = io::stdout().lock();
    for (step, said) in (1..).zip(&shown.steps) {
        writeln!(out, "{step}. {said}")?;
    }
    for path in [tensor, png].into_iter().flatten() {
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
