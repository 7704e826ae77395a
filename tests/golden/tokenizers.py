#!/usr/bin/env python3
"""Small tokenizers of three families, and what the reference makes of texts by them.

    tokenizers.py    sentencepiece 0.2.3, tokenizers 0.23.3, transformers 5.24.0, Python 3.11

Writes tests/fixtures/tokenizers/{vocab.txt, vocab.json, merges.txt, spiece.model} (trained here on
the sentences below: nobody's vocabulary) and tokenizers.json beside this script: for each family
and text the numbers without ends or padding. The references are SentencePiece's own library,
`BertTokenizer` (uncased, special pieces at BERT's own numbers) and `CLIPTokenizer`.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

# This script has the name of a package that it needs.
sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).parent]

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer, CLIPTokenizer

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "tokenizers"

WORDS = """no acute cardiopulmonary process large left pleural effusion with small right basal
atelectasis moderate cardiomegaly pulmonary oedema a photo of melanoma nevus basal cell carcinoma
on the back lymph node tumour metastasis in breast tissue normal fundus and diabetic retinopathy
chest x-ray shows enlarged heart there is are was not seen left right upper lower lobe""".split()

TEXTS = [
    "Large LEFT pleural effusion.", "no acute process", "", "  two   spaces  ", "x-ray: 12.5 mm!",
    "naïve café", "the patient's heart isn't enlarged", "ﬁne print", "心臓 heart", "a\tb\nc",
    "unbelievablylongwordthatnobodyknows", "</s> [SEP] <|endoftext|>", "ＡＢ full width",
]


def sentences():
    chosen = random.Random(7)
    return [" ".join(chosen.choices(WORDS, k=9)) + "." for _ in range(400)]


def unigram():
    rules = "FB01\t66 69\nFF21\t41\nFF22\t42\n9\t20\nA\t20\n"
    with tempfile.TemporaryDirectory() as folder:
        tsv, corpus = Path(folder, "rules.tsv"), Path(folder, "corpus.txt")
        tsv.write_text(rules)
        corpus.write_text("\n".join(sentences()))
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus), model_prefix=str(Path(folder, "m")), vocab_size=80,
            model_type="unigram", normalization_rule_tsv=str(tsv), pad_id=0, eos_id=1, unk_id=2,
            bos_id=-1, num_threads=1, minloglevel=2,
        )
        (FIXTURES / "spiece.model").write_bytes(Path(folder, "m.model").read_bytes())
    model = sentencepiece.SentencePieceProcessor(model_file=str(FIXTURES / "spiece.model"))
    return [model.encode(text.lower()) for text in TEXTS]


def wordpiece():
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer(lowercase=True)
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=150, special_tokens=[], show_progress=False, continuing_subword_prefix="##",
    )
    trained.train_from_iterator(sentences(), trainer)
    pieces = sorted(trained.get_vocab())
    lines = ["[PAD]", *[f"[unused{n}]" for n in range(99)], "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (FIXTURES / "vocab.txt").write_text("\n".join([*lines, *pieces, ""]))
    reference = BertTokenizer(str(FIXTURES / "vocab.txt"), do_lower_case=True)
    return [reference.encode(text, add_special_tokens=False) for text in TEXTS]


def clip():
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    trained.normalizer = normalizers.Lowercase()
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, end_of_word_suffix="</w>", initial_alphabet=alphabet, special_tokens=[],
        show_progress=False,
    )
    words = [word for sentence in sentences() for word in sentence.replace(".", " .").split()]
    trained.train_from_iterator(words, trainer)
    document = json.loads(trained.to_str())["model"]
    pieces = sorted(document["vocab"], key=document["vocab"].get)
    ends = [piece + "</w>" for piece in sorted(alphabet) if piece + "</w>" not in pieces]
    pieces = [*pieces, *ends, "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in document["merges"]]
    (FIXTURES / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (FIXTURES / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    reference = CLIPTokenizer(vocab=vocabulary, merges=[tuple(m.split(" ")) for m in merges])
    return [reference.encode(text, add_special_tokens=False) for text in TEXTS]


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    rows = {"texts": TEXTS, "sentencepiece": unigram(), "wordpiece": wordpiece(), "bpe": clip()}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items()]
    (HERE / "tokenizers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
