//! Vitrail's side of `tests/golden/embed_reference.py`: vectors of decoded pixels, and their cost.
//!
//! `embed_raw MODEL_DIR RAW [THREADS] [tract]` writes `RAW.vitrail.f32`.
#![allow(clippy::print_stdout, reason = "a tool that reports to its user")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use vitrail_domain::Raster;
use vitrail_embed::{
    Embedder, Manifest, Model, Models, ModelsOptions, Places, Priority, Recipe, Runtime,
    RuntimeChoice, Serving,
};

/// Clients that ask at once.
const CLIENTS: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, raw, rest @ ..] = arguments.as_slice() else {
        return Err("embed_raw MODEL_DIR RAW [THREADS] [tract]".into());
    };
    let tract = rest.iter().any(|word| word == "tract");
    let threads = rest.iter().find_map(|word| word.parse().ok()).unwrap_or(1);
    let choice = if tract { RuntimeChoice::Tract } else { RuntimeChoice::Find };
    let begun = Instant::now();
    let runtime = Runtime::open(&choice, &Places::of_process())?;
    let folder = PathBuf::from(folder);
    let text = std::fs::read_to_string(folder.join(Models::MANIFEST))?;
    let manifest = Manifest::parse(&text, "model")?;
    let model = std::sync::Arc::new(Model::load(&folder, manifest, &runtime, threads)?);
    let engine = format!("{} {}", runtime.engine().name(), runtime.version());
    println!("{engine}, {threads} threads: loaded and verified in {:.0} ms", ms(begun, 1));
    let name = model.manifest().name().to_owned();
    let options = ModelsOptions {
        folders: vec![folder],
        runtime: choice,
        places: Places::of_process(),
        threads,
        ..ModelsOptions::default()
    };
    Models::discover(&options)?.serving(&name)?;
    let begun = Instant::now();
    Models::discover(&options)?.serving(&name)?;
    println!("loaded again, its verification remembered, in {:.0} ms", ms(begun, 1));
    let pictures = read_raw(Path::new(raw))?;

    let recipe = Recipe::of(model.manifest());
    let mut tensor = Vec::new();
    let begun = Instant::now();
    for picture in &pictures {
        tensor.clear();
        recipe.append(picture, &mut tensor)?;
    }
    println!("preparing alone: {:.2} ms a picture", ms(begun, pictures.len()));

    let mut vectors = Vec::new();
    let begun = Instant::now();
    for picture in &pictures {
        vectors.extend(model.embed(std::slice::from_ref(picture))?);
    }
    println!("one by one: {:.2} ms a picture", ms(begun, pictures.len()));

    let serving = Serving::start(model, threads)?;
    let begun = Instant::now();
    let pending: Vec<_> = pictures
        .iter()
        .map(|picture| serving.submit(Priority::Bulk, picture.clone()))
        .collect::<Result<_, _>>()?;
    let queued = pending.into_iter().map(|one| one.wait()).collect::<Result<Vec<_>, _>>()?;
    println!("through the queue: {:.2} ms a picture", ms(begun, pictures.len()));
    let begun = Instant::now();
    clients(&serving, &pictures);
    println!("{CLIENTS} clients at once: {:.2} ms a picture", ms(begun, pictures.len()));
    let gaps = queued.iter().flatten().zip(vectors.iter().flatten()).map(|(a, b)| (a - b).abs());
    println!("largest difference between the two: {:e}", gaps.fold(0.0, f32::max));

    let bytes: Vec<u8> = vectors.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    vitrail_disk::safe_write(Path::new(&format!("{raw}.vitrail.f32")), &bytes)?;
    Ok(())
}

/// Each client asks for its share of the pictures, one after another.
fn clients(serving: &Serving, pictures: &[Raster]) {
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for picture in pictures.iter().skip(client).step_by(CLIENTS) {
                    let answer = serving.embed(Priority::Query, picture.clone());
                    answer.inspect_err(|error| println!("{error}")).ok();
                }
            });
        }
    });
}

fn ms(begun: Instant, pictures: usize) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3 / pictures.max(1) as f64
}

/// Width and height as little-endian u32, then RGB bytes, picture after picture.
fn read_raw(path: &Path) -> Result<Vec<Raster>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (mut rest, mut pictures) = (bytes.as_slice(), Vec::new());
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = *head;
        let (width, height) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let (pixels, next) = body
            .split_at_checked(Raster::byte_len(width, height)?)
            .ok_or("the last picture is cut")?;
        pictures.push(Raster::new(width, height, pixels.to_vec())?);
        rest = next;
    }
    Ok(pictures)
}
