//! `vitrail models` and `vitrail collections`: what there is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;
use vitrail_api::contract::collection::{CollectionList, describe};
use vitrail_api::contract::model;
use vitrail_cases::model_cards;

use super::{Arguments, print};
use crate::open::{self, Failure};

#[derive(Debug, Subcommand)]
pub enum Models {
    /// Names, contracts and whether each passed its verification.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Collections {
    /// Names and points.
    List {
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
    /// One collection's points, vectors, roles and fields.
    Show {
        /// Its name.
        name: String,
        /// One JSON document.
        #[arg(long)]
        json: bool,
    },
}

pub fn models(arguments: &Arguments, what: &Models) -> Result<ExitCode, Failure> {
    let Models::List { json } = what;
    let all = match arguments.remote()? {
        Some(remote) => remote.get("/v1/models")?,
        None => {
            serde_json::to_value(model::list(&model_cards(&*open::models(&arguments.models)?)))?
        }
    };
    if *json {
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

pub fn collections(arguments: &Arguments, what: &Collections) -> Result<ExitCode, Failure> {
    match what {
        Collections::List { json } => {
            let all = all_collections(arguments)?;
            if *json { print(&all) } else { lines(list(&all, "collections")) }
        }
        Collections::Show { name, json } => {
            let one = one_collection(arguments, name)?;
            if *json {
                return print(&one);
            }
            lines([&one].into_iter())?;
            details(&one)
        }
    }
}

fn all_collections(arguments: &Arguments) -> Result<Value, Failure> {
    if let Some(remote) = arguments.remote()? {
        return remote.get("/v1/collections");
    }
    let catalog = open::catalog(&arguments.store, false)?;
    Ok(serde_json::to_value(CollectionList::of(&catalog)?)?)
}

fn one_collection(arguments: &Arguments, name: &str) -> Result<Value, Failure> {
    if let Some(remote) = arguments.remote()? {
        return remote.get(&format!("/v1/collections/{name}"));
    }
    let catalog = open::catalog(&arguments.store, false)?;
    Ok(serde_json::to_value(describe(&*catalog.get(&name.parse()?)?)?)?)
}

fn lines<'a>(all: impl Iterator<Item = &'a Value>) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    for one in all {
        let (points, images) = (number(one, "points"), number(one, "images"));
        writeln!(out, "{:<24} {points:>9} points  {images:>9} images", text(one, "name"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn details(one: &Value) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    for (name, vector) in one.get("vectors").and_then(Value::as_object).into_iter().flatten() {
        let (dim, points) = (number(vector, "dim"), number(vector, "points"));
        writeln!(out, "vector {name}: {dim} {}, {points} points", text(vector, "metric"))?;
    }
    for (role, path) in one.get("roles").and_then(Value::as_object).into_iter().flatten() {
        writeln!(out, "role {role}: {}", path.as_str().unwrap_or_default())?;
    }
    for field in list(one, "fields") {
        let (path, kind) = (text(field, "path"), text(field, "type"));
        writeln!(out, "field {path}: {kind}, {} points", number(field, "points"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}
