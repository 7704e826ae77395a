//! The demo's pictures on disk: the synthetic atlas, called synthetic everywhere, and a few real
//! pictures with their sources and licences.

mod atlas;
mod real;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vitrail_atlas::Atlas;
use vitrail_disk::{create_dir_synced, safe_write};

use crate::open::Failure;

/// One collection of the demo.
#[derive(Debug, Clone)]
pub struct Part {
    /// The collection's name.
    pub collection: &'static str,
    /// The folder of its pictures.
    pub folder: PathBuf,
    /// The table that joins payload to them.
    pub table: PathBuf,
}

impl Part {
    fn at(collection: &'static str, folder: PathBuf) -> Self {
        let table = folder.join("table.csv");
        Self { collection, folder, table }
    }
}

/// The collection of the synthetic slide's tiles.
pub const SLIDE: &str = "demo-slide";

/// The seed of the demo's atlas: every demo shows the same pictures.
const SEED: u64 = 7;

/// Raised when the pictures change, so that an older folder is drawn anew.
const EDITION: u32 = 1;

/// The demo's atlas.
pub fn the_atlas() -> Atlas {
    Atlas::new(SEED)
}

/// Draws what is missing below `folder` and answers the demo's parts. `real` is a folder with a
/// table `pictures.csv` of real pictures.
///
/// # Errors
/// A folder that can't be written; a table that can't be read.
pub fn parts(folder: &Path, real: Option<&Path>, say: &dyn Fn(&str)) -> Result<Vec<Part>, Failure> {
    let mut parts = vec![
        Part::at("demo-skin", folder.join("skin")),
        Part::at("demo-films", folder.join("films")),
        Part::at(SLIDE, folder.join("slide")),
    ];
    let mark = folder.join("drawn.txt");
    let edition = format!("atlas edition {EDITION}, seed {SEED}\n");
    if std::fs::read_to_string(&mark).is_ok_and(|found| found == edition) {
        say("the synthetic atlas is drawn already");
    } else {
        say("drawing the synthetic atlas: 400 skin photographs, 100 films, one slide");
        atlas::draw(&the_atlas(), &parts)?;
        safe_write(&mark, edition.as_bytes())?;
    }
    if let Some(real) = real {
        let part = Part::at("demo-pictures", folder.join("pictures"));
        real::cut(real, &part)?;
        parts.push(part);
    }
    Ok(parts)
}

type Rows = Vec<(String, Map<String, Value>)>;

/// Makes the folder and what is above it.
fn make_folder(folder: &Path) -> Result<(), Failure> {
    Ok(create_dir_synced(folder)?)
}
