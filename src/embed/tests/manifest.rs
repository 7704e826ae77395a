//! Manifests: the closed vocabulary, the contract, and the schema that editors read.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contract::ContractHash;
use crate::manifest::Manifest;
use crate::presets::Preset;

const SCHEMA: &str = include_str!("../../../schemas/model-manifest.schema.json");
const FULL: &str = include_str!("full.toml");

/// Contracts of presets as they were before the vocabulary was whole: collections stay readable.
const MID: &str = "7271eb57cacb17045d369900c2c1f16a9922cb2fe51ab67dd3fd8ca3f51f59b9";
const PATH: &str = "e13bc5905a4401024064f6aceb4f83957622643c0ce7517b5ccddd75c94c6c5b";
const UNI: &str = "03089284494836e0400249b293e1a7604c83c0325050ee286f7e213e85ab54df";

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse(text, "test").map_err(|error| error.to_string())
}

fn base() -> &'static str {
    Preset::ALL[0].text
}

/// The default manifest with one line changed.
fn changed(from: &str, to: &str) -> Result<Manifest, String> {
    assert!(base().contains(from), "{from}");
    parse(&base().replacen(from, to, 1))
}

#[test]
fn unknown_keys_and_values_list_the_known_ones() {
    let cases = [
        ("[tensor]\n", "[tensor]\nmax_bach = 3\n", &["max_bach", "`max_batch`"][..]),
        ("\"pil_bicubic\"", "\"cv_lanczos\"", &["cv_lanczos", "`cv_area`", "`pil_bicubic`"]),
        ("\"onnx\"", "\"http\"", &["`http_vertex`", "`onnx`", "`precomputed`"]),
        ("\"nchw\"", "\"chw\"", &["chw", "`nhwc`"]),
        ("[post]", "[posts]", &["posts", "`post`", "`geometry`"]),
    ];
    for (from, to, words) in cases {
        let error = changed(from, to).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{word} in: {error}");
        }
    }
}

#[test]
fn contradictions_are_refused_in_words() {
    let cases = [
        ("crop_px = 224", "crop_px = 257", "resize_px and a crop_px that is not larger"),
        ("crop_px = 224", "crop_px = 224\nsize_px = 3", "resize_px and a crop_px"),
        ("kernel = \"pil_bicubic\"", "", "kernel is missing: one of pil_bilinear"),
        ("\"efficientnet-lite0\"", "\"../x\"", "identity.name"),
        ("\"efficientnet-lite0.onnx\"", "\"../../secret\"", "leaves the model's folder"),
        ("\"efficientnet-lite0.onnx\"", "\"/etc/passwd\"", "leaves the model's folder"),
        ("sha256 = \"9e", "sha256 = \"XX", "64 lower-case hex digits"),
        ("std = [128.0", "std = [0.0", "std not zero"),
        ("crop_px = 224", "crop_px = 224\npad_value = 3", "fills nothing"),
        ("base = \"none\"", "base = \"none\"\npad_before_norm = false", "longest_then_pad"),
        ("dtype = \"f32\"", "dtype = \"f32\"\nchannels = 2", "1 or 3"),
        ("take = \"vector\"", "take = \"multi_vector\"", "multi_vector takes n"),
        ("role = \"image\"", "role = \"text\"", "0 have the role image"),
        ("\"onnx\"", "\"http_vertex\"", "vertex is missing"),
        ("default_mpp = 1.0", "default_mpp = -1.0", "tiling"),
        ("max_batch = 16", "max_batch = 0", "batches are of 1 to"),
        ("dim = 1280", "dim = 99999", "dimension"),
        ("verified = \"golden\"", "verified = \"structure\"", "go together"),
        ("tolerance = 0.0005", "tolerance = 0.5", "tolerance above 0"),
        ("norm = 13.42081", "norm = inf", "norm above 0"),
    ];
    for (from, to, words) in cases {
        let error = changed(from, to).unwrap_err();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
}

#[test]
fn the_contract_follows_numbers_and_nothing_else() {
    let hash = |manifest: Result<Manifest, String>| ContractHash::of(&manifest.unwrap());
    let contract = hash(parse(base()));
    let same = [
        ("gated = false", "gated = true"),
        ("max_batch = 16", "max_batch = 8"),
        ("default_mpp = 1.0", "default_mpp = 0.5"),
        ("revision = \"", "revision = \"again "),
    ];
    for (from, to) in same {
        assert_eq!(hash(changed(from, to)), contract, "{to}");
    }
    let other = [
        ("resize_px = 256", "resize_px = 255"),
        ("pil_bicubic", "pil_bilinear"),
        ("mean = [127.0", "mean = [127.5"),
        ("std = [128.0", "std = [128.00001"),
        ("sha256 = \"9", "sha256 = \"8"),
        ("name = \"embedding\"", "name = \"other\""),
        ("nonnegative = true", "l2_normalize = true"),
        ("dtype = \"f32\"", "dtype = \"f32\"\nchannels = 1"),
        ("kernel = \"pil_bicubic\"", "kernel = \"pil_bicubic\"\nresize_dtype = \"f32\""),
        ("[tiling]\n", "[tiling]\nborder = \"black\"\n"),
        ("[tiling]\n", "[source]\ncolor = \"grey\"\n[tiling]\n"),
        ("[tiling]\n", "[dicom]\nwindow = \"minmax\"\n[tiling]\n"),
    ];
    for (from, to) in other {
        assert_ne!(hash(changed(from, to)), contract, "{to}");
    }
    // A contract is stored with every vector: a change of this line orphans them all.
    let pinned = "9e20ba36292f2cd057d94b9906594f0492e963a020d547e523edcdedb4c0bf0b";
    assert_eq!(contract.to_string(), pinned);
    for (name, pinned) in [
        ("efficientnet-lite0-mid", MID),
        ("path-foundation", PATH),
        ("uni", UNI),
    ] {
        let preset = Preset::ALL.iter().find(|preset| preset.name == name).unwrap();
        assert_eq!(preset.manifest().unwrap().contract_hash(), pinned, "{name}");
    }
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// The names in backticks that an error of serde lists after "expected".
fn expected(error: &str) -> BTreeSet<String> {
    let list = error.split("expected").nth(1).unwrap_or_else(|| panic!("{error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The error of the full manifest with `change` done at `path`.
fn with(path: &[Step], change: impl FnOnce(&mut toml::Value)) -> String {
    let mut document: toml::Value = toml::from_str(FULL).unwrap();
    let mut at = &mut document;
    for step in path {
        at = match step {
            Step::Key(key) => at.get_mut(key.as_str()).unwrap_or_else(|| panic!("{path:?}")),
            Step::Item(item) => at.get_mut(*item).unwrap(),
        };
    }
    change(at);
    parse(&toml::to_string(&document).unwrap()).unwrap_err()
}

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Item(usize),
}

/// Walks the schema and the full manifest side by side, and holds every object's keys and every
/// list of words against what the reader says it knows. The number of objects and lists seen.
fn hold(schema: &Value, path: &mut Vec<Step>, seen: &mut [usize; 2]) {
    if let Some(words) = schema["enum"].as_array().filter(|words| words[0].is_string()) {
        let error = with(path, |at| *at = toml::Value::String("zzz".to_owned()));
        let known = words.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
        assert_eq!(expected(&error), known, "{path:?}");
        seen[1] += 1;
    } else if schema["type"] == "array" {
        path.push(Step::Item(0));
        hold(&schema["items"], path, seen);
        path.pop();
    } else if schema["type"] == "object" {
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{path:?}");
        let properties = schema["properties"].as_object().unwrap();
        let error = with(path, |at| {
            at.as_table_mut().unwrap().insert("zzz".to_owned(), 1.into());
        });
        assert_eq!(expected(&error), properties.keys().cloned().collect(), "{path:?}");
        seen[0] += 1;
        for (key, schema) in properties {
            path.push(Step::Key(key.clone()));
            hold(schema, path, seen);
            path.pop();
        }
    }
}

#[test]
fn schema_and_reader_know_the_same_keys_and_words() {
    assert!(toml::from_str::<Manifest>(FULL).is_ok());
    let mut seen = [0, 0];
    hold(&schema(), &mut Vec::new(), &mut seen);
    assert_eq!(seen, [23, 39], "objects and lists of words");
}

#[test]
fn what_the_schema_requires_the_reader_requires() {
    for key in schema()["required"].as_array().unwrap() {
        let key = key.as_str().unwrap();
        let error = with(&[], |at| {
            at.as_table_mut().unwrap().remove(key);
        });
        assert!(error.contains(&format!("missing field `{key}`")), "{error}");
    }
}

#[test]
fn stages_text_and_rows_that_do_not_fit_are_refused_in_words() {
    let cxr = Preset::ALL.iter().find(|preset| preset.name == "cxr-elixr-v2").unwrap().text;
    assert!(parse(cxr).is_ok());
    let cases = [
        ("elixr_c.feature_maps_0", "elixr_c.maps", "known here: pixels, token_ids, token_mask"),
        ("late_interaction = \"maxsim\"", "", "go together"),
        ("from = \"pixels\"", "from = \"token_ids\"\nshape = [9]", "none takes the pixels"),
        ("max_len = 128", "max_len = 1", "leaves no room"),
        ("tokenizer_files = [\"vocab.txt\"]", "tokenizer_files = []", "takes 1, not 0"),
        ("n = 32\n", "n = 1\n", "multi_vector takes n"),
        ("shape = [8, 8, 1376]", "shape = []", "has no shape"),
        ("tokenizer = \"wordpiece\"", "file = \"t.onnx\"\ntokenizer = \"wordpiece\"", "text.file"),
    ];
    for (from, to, words) in cases {
        assert!(cxr.contains(from), "{from}");
        let error = parse(&cxr.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
}
