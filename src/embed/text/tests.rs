//! Three families against their own libraries (`tests/golden/tokenizers.json`), and the rules of
//! ends, padding, masks and replaced numbers.

use std::path::PathBuf;

use serde_json::Value;

use super::{Tokenization, Tokens, frame};
use crate::manifest::{Rewrite, Text};
use crate::vocabulary::{Mask, Tokenizer, WireType};

const GOLDEN: &str = include_str!("../../../tests/golden/tokenizers.json");

fn text(tokenizer: Tokenizer, files: &[&str]) -> Text {
    Text {
        file: None,
        ids_name: String::new(),
        ids_dtype: WireType::I64,
        mask_name: String::new(),
        mask_dtype: WireType::I64,
        tokenizer,
        tokenizer_files: files.iter().map(|&file| file.to_owned()).collect(),
        lowercase: true,
        max_len: 100,
        pad_id: 9999,
        add_bos: None,
        add_eos: None,
        rewrite_ids: Vec::new(),
        mask: Mask::Attention,
        prompt_template: None,
    }
}

fn load(text: &Text) -> Result<Tokenization, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tokenizers");
    Tokenization::load(&folder, text)
}

/// The numbers before the padding.
fn said(tokens: &Tokens) -> Vec<u64> {
    tokens.ids.iter().map(|&id| id as u64).take_while(|&id| id != 9999).collect()
}

fn held(family: &str, tokenizer: Tokenizer, files: &[&str]) {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let tokenization = load(&text(tokenizer, files)).unwrap();
    let rows = golden[family].as_array().unwrap().iter();
    let pairs: Vec<_> = golden["texts"].as_array().unwrap().iter().zip(rows).collect();
    assert!(pairs.len() >= 13);
    for (said_text, wanted) in pairs {
        let said_text = said_text.as_str().unwrap();
        let wanted: Vec<u64> = serde_json::from_value(wanted.clone()).unwrap();
        assert_eq!(said(&tokenization.encode(said_text).unwrap()), wanted, "{said_text:?}");
    }
}

#[test]
fn wordpiece_is_that_of_bert() {
    held("wordpiece", Tokenizer::Wordpiece, &["vocab.txt"]);
}

#[test]
fn byte_pairs_are_those_of_clip() {
    held("bpe", Tokenizer::Bpe, &["vocab.json", "merges.txt"]);
}

#[test]
fn a_sentencepiece_model_gives_what_its_own_library_gives() {
    held("sentencepiece", Tokenizer::Sentencepiece, &["spiece.model"]);
}

#[test]
fn ends_stay_on_a_text_that_is_cut_and_padding_fills_up() {
    let mut rules = text(Tokenizer::Wordpiece, &[]);
    (rules.max_len, rules.pad_id, rules.add_bos, rules.add_eos) = (5, 1, Some(8), Some(9));
    assert_eq!(frame(&rules, &[4, 5, 6, 7]).ids, [8.0, 4.0, 5.0, 6.0, 9.0]);
    let short = frame(&rules, &[4]);
    assert_eq!(short.ids, [8.0, 4.0, 9.0, 1.0, 1.0]);
    assert_eq!(short.mask, [1.0, 1.0, 1.0, 0.0, 0.0]);
    rules.mask = Mask::InvertedPadding;
    assert_eq!(frame(&rules, &[4]).mask, [0.0, 0.0, 0.0, 1.0, 1.0]);
    // CXR Foundation: the end becomes 0 and counts as padding.
    rules.rewrite_ids = vec![Rewrite { from: 9, to: 0, padding: true }];
    let rewritten = frame(&rules, &[4]);
    assert_eq!(rewritten.ids, [8.0, 4.0, 0.0, 1.0, 1.0]);
    assert_eq!(rewritten.mask, [0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_prompt_is_put_around_and_case_is_the_manifests() {
    let mut rules = text(Tokenizer::Wordpiece, &["vocab.txt"]);
    let of = |rules: &Text, said_text: &str| said(&load(rules).unwrap().encode(said_text).unwrap());
    let plain = of(&rules, "no acute process");
    assert_eq!(of(&rules, "NO Acute PROCESS"), plain);
    rules.prompt_template = Some("no {} process".to_owned());
    assert_eq!(of(&rules, "acute"), plain);
    rules.lowercase = false;
    assert_ne!(of(&rules, "ACUTE"), plain);
}

#[test]
fn files_that_are_no_tokenizer_are_refused_in_words() {
    for (kind, files, words) in [
        (Tokenizer::Sentencepiece, &["vocab.txt"][..], "no SentencePiece model"),
        (Tokenizer::Wordpiece, &["spiece.model"], "utf-8"),
        (Tokenizer::Bpe, &["merges.txt", "vocab.json"], "vocab.json"),
        (Tokenizer::TokenizerJson, &["vocab.json"], ""),
        (Tokenizer::Wordpiece, &["none.txt"], "reading none.txt"),
    ] {
        let error = load(&text(kind, files)).err().unwrap();
        assert!(error.contains(words), "{error}");
    }
    let tokenization = load(&text(Tokenizer::Wordpiece, &["vocab.txt"])).unwrap();
    assert!(tokenization.encode(&"a".repeat(70_000)).is_err());
}
