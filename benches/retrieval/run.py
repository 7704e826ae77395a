#!/usr/bin/env python3
"""How good retrieval is on real pictures: one Markdown table, made by the program alone.

    benches/retrieval/run.py PROGRAM DATA [--model NAME] [--seed 0] [--tries 100]
        [--sets skin,tiles,cxr] > table.md

PROGRAM is a release build of vitrail; DATA holds one folder a set, each with its table SET/SET.csv
(columns file, label and patient_id, lesion_id or slide_id). Needs Python 3.9 and Pillow.

Each set goes into a store of its own. Precision and its intervals come from `vitrail eval
retrieval`, with every own patient, lesion and slide that the table names left out. Robustness:
seeded pictures are altered, and each is asked for by `vitrail similar`, one process a try; counted is
how often the first hit is the picture that the copy was made of.
"""

import argparse
import csv
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, __version__ as pillow

GROUPS = {"patient_id": "patient", "lesion_id": "lesion", "slide_id": "slide"}


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Set:
    """One folder of pictures with its table, in a store of its own."""

    def __init__(self, program, data, name, store):
        self.name, self.folder = name, data / name
        self.table = self.folder / f"{name}.csv"
        self.base = [str(program), "--store", str(store / name)]
        with open(self.table, encoding="utf-8", newline="") as file:
            self.rows = {row["file"]: row for row in csv.DictReader(file)}

    def run(self, *arguments):
        done = subprocess.run(self.base + [str(a) for a in arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"vitrail {arguments[0]} {self.name}: {done.stderr.strip()}")
        return done.stdout

    def ingest(self, model):
        named = ["--model", model] if model else []
        into = ["-c", self.name, "--metadata", self.table, "--json"]
        out = self.run("ingest", self.folder, *into, *named)
        return json.loads(out.splitlines()[-1])

    def retrieval(self, seed):
        arguments = ["-c", self.name, "--label", "label", "-k", 5, "--seed", seed, "--json"]
        return json.loads(self.run("eval", "retrieval", *arguments))

    def first(self, picture):
        """The table's name of the stored picture that is most like this one."""
        out = self.run("similar", picture, "-c", self.name, "-k", 1, "--json")
        return json.loads(out)["hits"][0]["payload"]["vitrail"]["source"]["uri"]

    def are_of_one(self, one, other):
        one, other = self.rows[one], self.rows[other]
        return any(one.get(key) and one.get(key) == other.get(key) for key in GROUPS)


def re_encoded(picture, path):
    picture.save(path.with_suffix(".jpg"), quality=70)
    return path.with_suffix(".jpg")


def halved(picture, path):
    size = [max(8, round(side / 2)) for side in picture.size]
    picture.resize(size, Image.Resampling.LANCZOS).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def cropped(picture, path):
    (width, height), part = picture.size, 0.9
    left, top = round(width * (1 - part) / 2), round(height * (1 - part) / 2)
    box = (left, top, left + round(width * part), top + round(height * part))
    picture.crop(box).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


ALTERED = {
    "re-encoded, JPEG quality 70": re_encoded,
    "half the size": halved,
    "centre crop of 90 %": cropped,
}


def robustness(one, alter, originals, folder):
    """How many first hits are the original, and how many at least of the same group."""
    exact = near = 0
    for number, original in enumerate(originals):
        with Image.open(one.folder / original) as picture:
            copy = alter(picture.convert("RGB"), folder / f"copy{number}")
        hit = one.first(copy)
        copy.unlink()
        exact += hit == original
        near += hit == original or one.are_of_one(hit, original)
    return exact, near


def wilson(hits, tries):
    """The 95 % interval of a share (Wilson 1927)."""
    z, share = 1.959964, hits / tries
    middle = (share + z * z / (2 * tries)) / (1 + z * z / tries)
    half = z / (1 + z * z / tries) * math.sqrt(
        share * (1 - share) / tries + z * z / (4 * tries * tries)
    )
    return middle - half, middle + half


def figure(measured):
    low, high = measured["interval"]
    return f"{measured['mean']:.3f} ({low:.3f} to {high:.3f})"


def precision_row(one, ingested, report):
    left_out = ", ".join(report["exclude_same"])
    cells = [
        one.name, ingested["ingested"], f"{ingested['images_per_second']:.0f}", left_out,
        f"{report['queries']} of {report['points']}", report["clusters"],
        figure(report["precision"]["micro"]), figure(report["precision"]["macro"]),
        f"{report['random']['micro']['mean']:.3f}", figure(report["random_vectors"]["micro"]),
        f"{report['attainable']['micro']['mean']:.3f}",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", help="the default model when left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--sets", default="skin,tiles,cxr")
    given = parser.parse_args()
    program = given.program.resolve()
    tables, copies = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.sets.split(","):
            one = Set(program, given.data, name, Path(folder))
            say(f"{name}: ingest")
            ingested = one.ingest(given.model)
            if ingested["refused"]:
                say(f"{name}: refused {len(ingested['refused'])}")
            report = one.retrieval(given.seed)
            tables.append(precision_row(one, ingested, report))
            originals = random.Random(given.seed).sample(sorted(one.rows), given.tries)
            for what, alter in ALTERED.items() if given.tries else ():
                say(f"{name}: {what}")
                exact, near = robustness(one, alter, originals, Path(folder))
                low, high = wilson(exact, given.tries)
                copies.append(f"| {name} | {what} | {exact} of {given.tries} | "
                              f"{low:.3f} to {high:.3f} | {near} of {given.tries} |")
            model = f"{report['model']}, contract {report['contract'][:12]}"
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
    print(f"{version}; model {model}; Pillow {pillow}; seed {given.seed}.\n")
    print("| set | pictures | pictures/s | left out | queries | clusters | precision@5, micro "
          "| macro | by chance | random vectors | at best |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    print("\n".join(tables))
    if not copies:
        return
    print("\n| set | copy | first hit is the original | 95 % | or of its own group |")
    print("|---|---|---|---|---|")
    print("\n".join(copies))


main()
