//! The whole way on stand-ins of Google's four models: manifest, preprocessing, graphs, vectors.

use std::path::Path;
use std::sync::Arc;

use vitrail_domain::{Comparator, Raster, Vector};

use super::stand_in;
use crate::runtime::Runtime;
use crate::{
    Bound, EmbedError, Embedder, Engine, Manifest, Model, ModelState, Models, ModelsOptions,
    Places, Preset, Remote, RuntimeChoice, Transport, bind,
};

fn engines() -> Vec<Runtime> {
    let tract = Runtime::open(&RuntimeChoice::Tract, &Places::default()).unwrap();
    let found = Runtime::open(&RuntimeChoice::Find, &Places::of_process()).unwrap();
    match found.engine() {
        Engine::OnnxRuntime => vec![found, tract],
        Engine::Tract => vec![tract],
    }
}

fn preset(name: &str) -> &'static Preset {
    Preset::ALL.iter().find(|preset| preset.name == name).unwrap()
}

/// The preset bound to its stand-in.
fn bound(folder: &Path, name: &str) -> (std::path::PathBuf, Manifest) {
    let place = stand_in::write(folder, name);
    let Bound { manifest, files } = bind(preset(name), &place).unwrap();
    assert_eq!(files.len(), stand_in::files(name).len());
    vitrail_disk::safe_write(&place.join(Models::MANIFEST), manifest.as_bytes()).unwrap();
    (place, Manifest::parse(&manifest, name).unwrap())
}

fn picture(width: u32, height: u32, seed: u32) -> Raster {
    let value = |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)) >> 13;
    let pixels = (0..width * height * 3).map(|i| value(i / 64) as u8).collect();
    Raster::new(width, height, pixels).unwrap()
}

fn load(name: &str, engine: &Runtime) -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let (place, manifest) = bound(folder.path(), name);
    let model = Model::load(&place, manifest, engine, 2).unwrap();
    (folder, model)
}

#[test]
fn path_foundation_takes_tiles_of_its_own_size_alone() {
    for engine in engines() {
        let (_folder, model) = load("path-foundation", &engine);
        let vectors = model.embed(&[picture(224, 224, 1), picture(224, 224, 2)]).unwrap();
        assert_eq!((vectors.len(), vectors[0].len()), (2, 384));
        assert_ne!(vectors[0], vectors[1]);
        let error = model.embed(&[picture(225, 224, 1)]).unwrap_err();
        assert!(matches!(error, EmbedError::Picture { .. }), "{error}");
        assert!(!model.has_text());
        let error = model.embed_texts(&["a tumour"]).unwrap_err();
        assert_eq!(error.code(), vitrail_domain::Code::InvalidRequest);
    }
}

#[test]
fn derm_foundation_gives_6144_of_which_none_is_negative() {
    for engine in engines() {
        let (_folder, model) = load("derm-foundation", &engine);
        let vector = model.embed(&[picture(600, 450, 3)]).unwrap().remove(0);
        assert_eq!(vector.len(), 6144);
        let zeros = vector.iter().filter(|&&value| value == 0.0).count();
        assert!(vector.iter().all(|&value| value >= 0.0) && (1000..5000).contains(&zeros));
    }
}

#[test]
fn cxr_links_two_graphs_and_gives_many_rows_and_text() {
    for engine in engines() {
        let (_folder, model) = load("cxr-elixr-v2", &engine);
        let films = [picture(512, 640, 4), picture(700, 500, 5)];
        let both = model.embed(&films).unwrap();
        assert_eq!((model.values(), model.comparator()), (4096, Some(Comparator::MaxSim)));
        // The Q-Former takes one item a call: a batch is split, and each film keeps its own rows.
        assert_eq!(model.embed(&films[1..]).unwrap()[0], both[1]);
        assert_ne!(both[0], both[1]);
        let Vector::Many(rows) = model.vector(both[0].clone()).unwrap() else { panic!("one row") };
        assert_eq!((rows.len(), rows.dim().get()), (32, 128));
        let named = model.outputs(&films[0]).unwrap();
        let sizes: Vec<_> = named.iter().map(|(name, all)| (name.as_str(), all.len())).collect();
        assert_eq!(sizes, [("all_contrastive_img_emb", 4096), ("img_emb", 24_576)]);
        let texts = model.embed_texts(&["Large effusion", "large EFFUSION", "no process"]).unwrap();
        assert_eq!((texts[0].len(), &texts[0]), (128, &texts[1]));
        assert_ne!(texts[0], texts[2]);
    }
}

/// What the graph saw: 101 in front, 102 replaced by 0, which counts as padding.
#[test]
fn cxr_text_is_framed_as_its_predictor_frames_it() {
    let (_folder, model) = load("cxr-elixr-v2", &engines()[0]);
    let ids = model.token_ids("no acute process").unwrap();
    assert_eq!((ids.len(), ids[0]), (128, 101));
    assert!(!ids.contains(&102) && ids[1] > 103);
    let said = ids.iter().rposition(|&id| id != 0).unwrap();
    assert!(said > 1 && ids[said + 1..].iter().all(|&id| id == 0));
}

#[test]
fn medsiglip_puts_pictures_and_texts_into_one_space() {
    for name in ["medsiglip-448", "medsiglip-448-container", "medsiglip-448-paper"] {
        let (_folder, model) = load(name, &engines()[0]);
        let vector = model.embed(&[picture(300, 200, 6)]).unwrap().remove(0);
        let text = model.embed_texts(&["a photo of melanoma"]).unwrap().remove(0);
        assert_eq!((vector.len(), text.len()), (1152, 1152));
        for vector in [vector, text] {
            let length: f32 = vector.iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
        let ids = model.token_ids("Nevus").unwrap();
        assert_eq!((ids.len(), ids[63]), (64, 1), "padded with the end token");
    }
}

/// Three official recipes, three vectors of a picture that is no square.
#[test]
fn the_recipes_of_medsiglip_differ_where_a_picture_is_no_square() {
    let recipes = ["medsiglip-448", "medsiglip-448-container", "medsiglip-448-paper"];
    let engine = &engines()[0];
    let of = |picture: Raster| -> Vec<Vec<f32>> {
        let embed = |name| load(name, engine).1.embed(std::slice::from_ref(&picture)).unwrap();
        recipes.into_iter().flat_map(embed).collect()
    };
    let wide = of(picture(300, 200, 7));
    assert!(wide[0] != wide[1] && wide[1] != wide[2] && wide[0] != wide[2]);
    let square = of(picture(448, 448, 7));
    assert_eq!(square[0], square[1], "squash and fill agree on a square");
}

#[test]
fn what_does_not_fit_a_graph_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (place, manifest) = bound(folder.path(), "cxr-elixr-v2");
    let cases: [(fn(&mut Manifest), &str); 7] = [
        (|m| m.outputs[0].n = 31, "[1, 32, 128]"),
        (|m| m.outputs[2].name = "text".into(), "no output"),
        (|m| m.stages[1].inputs[1].name = "id".into(), "no input"),
        (|m| m.stages[1].inputs[0].shape = vec![8, 8, 1375], "1375"),
        (|m| m.stages[1].fixed_batch = 0, "a graph of one batch size"),
        (|m| m.stages[1].inputs.truncate(2), "paddings"),
        (|m| m.post.projection_in_graph = false, "projection outside the graph is not served"),
    ];
    for engine in engines() {
        for (change, words) in &cases {
            let mut manifest = manifest.clone();
            change(&mut manifest);
            let error = Model::load(&place, manifest, &engine, 1).err().unwrap().to_string();
            assert!(error.contains(words), "{words} in: {error}");
        }
    }
}

#[test]
fn what_was_checked_is_told_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    bound(folder.path(), "medsiglip-448");
    let options = ModelsOptions {
        folders: vec![folder.path().to_owned()],
        runtime: RuntimeChoice::Tract,
        places: Places { verified: Some(folder.path().join("verified")), ..Places::default() },
        threads: 1,
        ..ModelsOptions::default()
    };
    let models = Models::discover(&options).unwrap();
    assert_eq!(models.report("medsiglip-448"), None);
    assert_eq!(models.state("medsiglip-448"), ModelState::Unverified);
    let report = models.report("medsiglip-448").unwrap();
    let names: Vec<_> = report.checks.iter().map(|check| check.name.as_str()).collect();
    let wanted = [
        "files", "graph", "inputs and outputs", "finite", "not constant", "batch", "text", "golden",
    ];
    assert_eq!(names, wanted);
    let ports = &report.checks[2].found;
    assert_eq!(ports, "image: pixel_values -> image_embeds; text: input_ids -> text_embeds");
    let again = Models::discover(&options).unwrap();
    assert_eq!(again.report("medsiglip-448"), Some(report), "read from what is stored");
}

#[test]
fn texts_and_pictures_are_proved_by_vectors_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let (place, mut manifest) = bound(folder.path(), "medsiglip-448");
    let engine = &engines()[0];
    let model = Model::load(&place, manifest.clone(), engine, 1).unwrap();
    let film = picture(31, 17, 8);
    let ppm = [b"P6 31 17 255\n", film.pixels()].concat();
    let bytes = |vector: &[f32]| -> Vec<u8> {
        vector.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    let vector = model.embed(std::slice::from_ref(&film)).unwrap().remove(0);
    let text = model.embed_texts(&["no effusion"]).unwrap().remove(0);
    for (name, data) in
        [("film.ppm", ppm), ("film.f32", bytes(&vector)), ("text.f32", bytes(&text))]
    {
        vitrail_disk::safe_write(&place.join(name), &data).unwrap();
    }
    let golden = r#"
        [[golden]]
        input = "picture"
        file = "film.ppm"
        pixels_sha256 = "PIXELS"
        vector_file = "film.f32"
        [[golden]]
        input = "text"
        text = "no effusion"
        vector_file = "text.f32""#;
    let tensor = bytes(&model.explain(&film).unwrap().tensor);
    let digest = crate::verify::hex(&<sha2::Sha256 as sha2::Digest>::digest(&tensor));
    let table: toml::Table = toml::from_str(&golden.replace("PIXELS", &digest)).unwrap();
    manifest.verification.golden = table["golden"].clone().try_into().unwrap();
    let report = Model::load(&place, manifest.clone(), engine, 1).unwrap().report().clone();
    let found: Vec<_> = report.checks.iter().rev().take(2).map(|c| c.found.as_str()).collect();
    assert_eq!(found, ["cosine 1.000000", "cosine 1.000000"]);
    manifest.verification.golden[1].text = Some("moderate cardiomegaly of the heart".to_owned());
    let error = Model::load(&place, manifest.clone(), engine, 1).err().unwrap().to_string();
    assert!(error.contains("golden text: the cosine is"), "{error}");
    manifest.verification.golden[0].pixels_sha256 = Some("0".repeat(64));
    let error = Model::load(&place, manifest, engine, 1).err().unwrap().to_string();
    assert!(error.contains("the preprocessed tensor has SHA-256"), "{error}");
}

#[test]
fn explain_shows_what_the_network_sees() {
    let (_folder, model) = load("cxr-elixr-v2", &engines()[0]);
    let explained = model.explain(&picture(100, 50, 9)).unwrap();
    assert_eq!(explained.shape, [1, 1280, 1280, 3]);
    assert_eq!(explained.tensor.len(), 1280 * 1280 * 3);
    assert_eq!((explained.seen.width(), explained.seen.height()), (1280, 1280));
    let steps = explained.steps.join("\n");
    for words in ["100 x 50", "luminance", "tf1_bilinear_legacy", "per_image_minmax", "largest 1"] {
        assert!(steps.contains(words), "{words} in {steps}");
    }
}

/// A container far away: the mean of the encoded bytes, moved by the place.
struct Far {
    dim: usize,
}

impl Transport for Far {
    fn pictures(&self, _: &Manifest, pictures: &[Vec<u8>]) -> Result<Vec<Vec<f32>>, String> {
        let mean = |bytes: &Vec<u8>| bytes.iter().map(|&byte| f32::from(byte)).sum::<f32>();
        Ok(pictures.iter().map(|p| (0..self.dim).map(|at| mean(p) + at as f32).collect()).collect())
    }

    fn texts(&self, _: &Manifest, _: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        Err("it takes none".to_owned())
    }
}

#[test]
fn a_model_elsewhere_is_verified_and_embeds_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let name = "derm-foundation-http";
    let place = folder.path().join("model.toml");
    vitrail_disk::safe_write(&place, preset(name).text.as_bytes()).unwrap();
    let models = |dim: Option<usize>| {
        let far = |dim| Remote {
            transport: Arc::new(Far { dim }),
            encode: |raster: &Raster| Ok(raster.pixels().to_vec()),
        };
        Models::discover(&ModelsOptions {
            folders: vec![folder.path().to_owned()],
            runtime: RuntimeChoice::Tract,
            threads: 1,
            remote: dim.map(far),
            ..ModelsOptions::default()
        })
        .unwrap()
    };
    let serving = models(Some(6144)).serving(name).unwrap();
    let vector = serving.model().embed(&[picture(20, 20, 1)]).unwrap().remove(0);
    assert_eq!(vector.len(), 6144);
    assert!(serving.model().explain(&picture(20, 20, 1)).is_err());
    let refused = |dim| models(dim).serving(name).err().unwrap().to_string();
    assert!(refused(Some(768)).contains("768 numbers, the manifest says 6144"));
    assert!(refused(None).contains("no transport"));
}

#[test]
fn a_precomputed_model_refuses_pictures_in_words() {
    let text = preset("derm-foundation-http").text;
    let text = text.replace("\"http_vertex\"", "\"precomputed\"");
    let manifest = Manifest::parse(&text, "precomputed").unwrap();
    let error = Model::load(Path::new("."), manifest, &engines()[0], 1).err().unwrap();
    assert!(error.to_string().contains("embeds no picture and no text"), "{error}");
}
