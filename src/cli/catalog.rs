//! `vitrail collections`: what there is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;
use vitrail_api::contract::collection::{CollectionList, describe};

use super::{Arguments, print};
use crate::open::{self, Failure};

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

pub(super) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}
