//! Vitrail's side of `tests/golden/embed_parity.py` from the file on: decoded, prepared, embedded.
//!
//! `embed_files MODEL_DIR [tract] <PATHS >VECTORS` reads one path a line and writes one row of
//! little-endian float32 a picture.

use std::error::Error;
use std::io::{BufWriter, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use vitrail_embed::{Models, ModelsOptions, Places, Priority, RuntimeChoice};
use vitrail_ingest::read_picture_file;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, rest @ ..] = arguments.as_slice() else {
        return Err("embed_files MODEL_DIR [tract] <PATHS >VECTORS".into());
    };
    let tract = rest.iter().any(|word| word == "tract");
    let options = ModelsOptions {
        folders: vec![PathBuf::from(folder)],
        runtime: if tract { RuntimeChoice::Tract } else { RuntimeChoice::Find },
        places: Places { models: Vec::new(), ..Places::of_process() },
        threads: 1,
    };
    let models = Models::discover(&options)?;
    let name = models.names().next().ok_or("the folder holds no manifest")?;
    let serving = models.serving(name)?;
    let mut out = BufWriter::new(stdout().lock());
    for path in stdin().lines() {
        let picture = read_picture_file(Path::new(&path?))?;
        for value in serving.embed(Priority::Bulk, picture.raster)? {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    out.flush()?;
    Ok(())
}
