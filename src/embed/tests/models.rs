//! The small real model of `tests/fixtures/models` on both engines, and models made wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vitrail_domain::{Code, Raster};

use crate::serving::Priority;
use crate::vocabulary::GoldenInput;
use crate::{
    EmbedError, Embedder, Engine, Manifest, Model, ModelState, Models, ModelsOptions, Places,
    Preset, Runtime, RuntimeChoice,
};

const CUT: &str = "efficientnet-lite0-cut";

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models")
}

fn models(places: Places, folder: &Path) -> Models {
    let options = ModelsOptions {
        folders: vec![folder.to_owned()],
        runtime: RuntimeChoice::Tract,
        places,
        threads: 2,
        remote: None,
    };
    Models::discover(&options).unwrap()
}

/// ONNX Runtime where it is installed; else says that the test is skipped.
fn onnx_runtime() -> Option<Runtime> {
    let runtime = Runtime::open(&RuntimeChoice::Find, &Places::of_process()).unwrap();
    if runtime.engine() == Engine::OnnxRuntime {
        return Some(runtime);
    }
    println!("skipped: ONNX Runtime is not installed; run deploy/setup");
    None
}

fn tract() -> Runtime {
    Runtime::open(&RuntimeChoice::Tract, &Places::default()).unwrap()
}

fn manifest() -> Manifest {
    let text = fs::read_to_string(fixtures().join(CUT).join(Models::MANIFEST)).unwrap();
    Manifest::parse(&text, CUT).unwrap()
}

fn noise(width: u32, height: u32, seed: u64) -> Raster {
    let bytes = u64::from(width) * u64::from(height) * 3;
    let value = |i: u64| ((i + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
    Raster::new(width, height, (0..bytes).map(value).collect()).unwrap()
}

#[test]
fn the_small_model_is_verified_and_embeds() {
    let models = models(Places::default(), &fixtures());
    assert_eq!(models.names().collect::<Vec<_>>(), [CUT]);
    let serving = models.serving(CUT).unwrap();
    let picture = noise(300, 260, 1);
    let one = serving.embed(Priority::Query, picture.clone()).unwrap();
    let two = serving.embed(Priority::Bulk, picture).unwrap();
    assert_eq!((one.len(), serving.model().dim().get()), (40, 40));
    assert_eq!(one, two);
    assert_eq!(serving.model().tile_px(), 224);
}

#[test]
fn both_engines_and_every_batch_give_the_same_vectors() {
    let Some(onnx) = onnx_runtime() else { return };
    let folder = fixtures().join(CUT);
    let pictures: Vec<_> = (0..5).map(|seed| noise(200 + 40 * seed, 250, 3)).collect();
    let mut all: Vec<Vec<Vec<f32>>> = Vec::new();
    for runtime in [onnx, tract()] {
        for threads in [1, 2] {
            let model = Model::load(&folder, manifest(), &runtime, threads).unwrap();
            all.push(model.embed(&pictures).unwrap());
            let alone = pictures.iter().map(|one| model.embed(std::slice::from_ref(one)).unwrap());
            all.push(alone.map(|mut vectors| vectors.remove(0)).collect());
        }
    }
    for vectors in &all {
        for (got, wanted) in vectors.iter().flatten().zip(all[0].iter().flatten()) {
            assert!((got - wanted).abs() < 2e-3, "{got} {wanted}");
        }
    }
}

#[test]
fn a_manifest_that_does_not_fit_its_graph_is_refused_with_the_reason() {
    let cases: [(fn(&mut Manifest), &str); 8] = [
        (|m| m.files[0].sha256 = "0".repeat(64), "has SHA-256 fc2e95dbb"),
        (|m| m.outputs[0].name = "pooled".into(), "no output pooled"),
        (|m| m.tensor.input_name = "pixels".into(), "no input pixels"),
        (|m| m.outputs[0].dim = 41, "cut is [any, 40], the manifest says [0, 41]"),
        (|m| m.geometry.crop_px = 200, "200"),
        (|m| m.verification.golden[0].norm = 53.0, "the vector's length is 52.69"),
        (|m| m.verification.golden[1].prefix[3] = 4.5, "picture_7919: component 3 is 4.35"),
        (|m| m.kernel = Some(crate::vocabulary::Kernel::Bilinear), "golden picture_7919"),
    ];
    for (change, words) in cases {
        let mut manifest = manifest();
        change(&mut manifest);
        let error = Model::load(&fixtures().join(CUT), manifest, &tract(), 1).err().unwrap();
        assert_eq!(error.code(), Code::ModelInvalid);
        assert!(error.to_string().contains(words), "{words} in: {error}");
    }
}

#[test]
fn goldens_of_the_fixture_cover_tensor_and_picture() {
    let inputs: Vec<_> = manifest().verification.golden.iter().map(|one| one.input).collect();
    assert_eq!(inputs, [GoldenInput::Tensor7919, GoldenInput::Picture7919]);
}

#[test]
fn damaged_manifests_and_files_are_listed_and_serve_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, manifest: &str, graph: &[u8]| {
        let place = folder.path().join(name);
        fs::create_dir(&place).unwrap();
        vitrail_disk::safe_write(&place.join("model.toml"), manifest.as_bytes()).unwrap();
        vitrail_disk::safe_write(&place.join(format!("{CUT}.onnx")), graph).unwrap();
    };
    let text = fs::read_to_string(fixtures().join(CUT).join("model.toml")).unwrap();
    let mut graph = fs::read(fixtures().join(CUT).join(format!("{CUT}.onnx"))).unwrap();
    put("typo", &text.replace("[tensor]", "[tensors]"), &graph);
    graph[100_000] ^= 1;
    put("flipped", &text, &graph);
    let models = models(Places::default(), folder.path());
    assert_eq!(models.names().collect::<Vec<_>>(), [CUT, "typo"]);
    let error = models.serving("typo").err().unwrap();
    assert!(error.to_string().contains("unknown field `tensors`"), "{error}");
    let error = models.serving(CUT).err().unwrap();
    assert!(matches!(&error, EmbedError::Refused { reason, .. } if reason.contains("SHA-256")));
    assert_eq!(models.serving(CUT).err(), Some(error));
    let error = models.serving("uni").err().unwrap();
    assert_eq!(error.code(), Code::UnknownModel);
    assert!(error.to_string().contains("known: efficientnet-lite0-cut, typo"), "{error}");
}

#[test]
fn a_folder_or_library_that_was_named_must_be_there() {
    let missing = PathBuf::from("/nowhere/at/all");
    let mut options = ModelsOptions { runtime: RuntimeChoice::Tract, ..Default::default() };
    options.folders.push(missing.clone());
    assert_eq!(Models::discover(&options).err().unwrap().code(), Code::FileUnreadable);
    let error = Runtime::open(&RuntimeChoice::Library(missing.clone()), &Places::default());
    assert_eq!(error.err().unwrap().code(), Code::RuntimeMissing);
    let places = Places { named_library: Some(missing), ..Places::default() };
    assert!(Runtime::open(&RuntimeChoice::Find, &places).is_err());
}

#[test]
fn no_library_means_the_built_in_engine_and_a_notice() {
    let lying = tempfile::NamedTempFile::new().unwrap();
    let places = Places { libraries: vec![lying.path().to_owned()], ..Places::default() };
    let runtime = Runtime::open(&RuntimeChoice::Find, &places).unwrap();
    assert_eq!(runtime.engine(), Engine::Tract);
    let notice = runtime.notice().unwrap();
    assert!(notice.contains("slower") && notice.contains("failed"), "{notice}");
    assert_eq!(tract().notice(), None);
}

#[test]
fn a_verified_model_is_remembered_until_a_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (place, verified, graph) = copied(folder.path(), &manifest_text());
    let places = || Places { verified: Some(verified.clone()), ..Places::default() };
    let load = || models(places(), &place).serving(CUT).map(|_| ());
    let stamps = || fs::read_dir(&verified).map_or(0, Iterator::count);
    assert_eq!((load(), stamps()), (Ok(()), 1));
    assert_eq!((load(), stamps()), (Ok(()), 1));
    // A flipped weight, as a copy writes it: another time, so the stamp no longer holds.
    let mut bytes = fs::read(&graph).unwrap();
    bytes[100_000] ^= 1;
    vitrail_disk::safe_write(&graph, &bytes).unwrap();
    assert!(load().is_err_and(|error| error.to_string().contains("SHA-256")));
    assert_eq!(stamps(), 1);
}

/// A copy of the small model in a folder of its own: (models, their stamps, the graph's file).
fn copied(folder: &Path, manifest: &str) -> (PathBuf, PathBuf, PathBuf) {
    let (models, verified) = (folder.join("models"), folder.join("verified"));
    let graph = models.join(CUT).join(format!("{CUT}.onnx"));
    fs::create_dir_all(models.join(CUT)).unwrap();
    fs::copy(fixtures().join(CUT).join(format!("{CUT}.onnx")), &graph).unwrap();
    vitrail_disk::safe_write(&models.join(CUT).join(Models::MANIFEST), manifest.as_bytes())
        .unwrap();
    (models, verified, graph)
}

fn manifest_text() -> String {
    fs::read_to_string(fixtures().join(CUT).join(Models::MANIFEST)).unwrap()
}

#[test]
fn the_state_of_a_remembered_model_costs_no_load() {
    let folder = tempfile::tempdir().unwrap();
    let (place, verified, graph) = copied(folder.path(), &manifest_text());
    let places = || Places { verified: Some(verified.clone()), ..Places::default() };
    let state = || models(places(), &place).state(CUT);
    assert_eq!(state(), ModelState::Verified);
    // No engine would load these bytes. Size and time are the stamp's, so they are not looked at.
    let facts = fs::metadata(&graph).unwrap();
    vitrail_disk::safe_write(&graph, &vec![0; facts.len() as usize]).unwrap();
    let file = fs::File::options().write(true).open(&graph).unwrap();
    file.set_modified(facts.modified().unwrap()).unwrap();
    assert_eq!(state(), ModelState::Verified);
    let models = models(places(), &place);
    assert!(models.serving(CUT).is_err());
    assert!(matches!(models.state(CUT), ModelState::Refused(_)), "what was tried is known better");
    file.set_modified(facts.modified().unwrap() + Duration::from_secs(1)).unwrap();
    assert!(matches!(state(), ModelState::Refused(reason) if reason.contains("SHA-256")));
}

#[test]
fn a_model_without_golden_vectors_is_unverified_however_well_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let text = manifest_text().replace("\"golden\"", "\"unverified\"");
    let (head, _) = text.split_once("[[verification.golden]]").unwrap();
    let (place, _, _) = copied(folder.path(), head);
    let models = models(Places::default(), &place);
    assert_eq!(models.state(CUT), ModelState::Unverified);
    assert!(models.serving(CUT).is_ok());
    assert!(matches!(models.state("uni"), ModelState::Refused(_)));
}

/// The models that `deploy/models/fetch.sh` brings, on every engine that is here.
#[test]
fn installed_models_pass_their_own_goldens() {
    let places = Places { verified: None, ..Places::of_process() };
    for runtime in [RuntimeChoice::Find, RuntimeChoice::Tract] {
        let options = ModelsOptions { runtime, places: places.clone(), ..Default::default() };
        let models = Models::discover(&options).unwrap();
        let bound = |preset: &&Preset| !preset.manifest().unwrap().files.is_empty();
        for preset in Preset::ALL.iter().filter(bound) {
            match models.manifest(preset.name) {
                Some(_) => assert_eq!(models.state(preset.name), ModelState::Verified),
                None => println!("skipped: {} is not installed; run deploy/setup", preset.name),
            }
        }
    }
}

#[test]
fn calls_side_by_side_agree_with_calls_alone() {
    let model = Model::load(&fixtures().join(CUT), manifest(), &tract(), 2).unwrap();
    let pictures: Vec<_> = (0..4).map(|seed| noise(230, 240, seed)).collect();
    let wanted: Vec<_> = pictures.iter().map(|p| model.embed(std::slice::from_ref(p))).collect();
    std::thread::scope(|scope| {
        for (picture, wanted) in pictures.iter().zip(&wanted) {
            let model = &model;
            scope.spawn(move || {
                for _ in 0..3 {
                    assert_eq!(&model.embed(std::slice::from_ref(picture)), wanted);
                }
            });
        }
    });
}
