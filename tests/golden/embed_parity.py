#!/usr/bin/env python3
"""Vitrail's vectors against Python's on real pictures: from equal pixels, and from the file.

    embed_parity.py MODEL_DIR DATA [--sets skin tiles cxr] [--most N] [--tract]

DATA/SET/SET.csv lists the pictures of a set in its column `file`; --most takes N of them at equal
distances. Python's side is embed_reference.py (Pillow, NumPy, ONNX Runtime on the manifest's own
graph); Vitrail's are run by cargo in release:

    pixels   src/embed/examples/embed_raw.rs gets the pixels that Pillow decoded
    file     `vitrail embed` gets the paths: its own decoders and orientation

Prints the cosines of each set as Markdown and ends with 1 where one is below its bar (0.99999 from
pixels, 0.9999 from the file). Made with Python 3.11, Pillow 13.0.0, NumPy 2.4.6, onnxruntime
1.31.1; --tract runs Vitrail's side on its built-in engine, Python's stays ONNX Runtime.
"""

import argparse
import csv
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from embed_reference import Model

ROOT = Path(__file__).resolve().parents[2]
BARS = {"pixels": 0.99999, "file": 0.9999}


def pictures(data, name, most):
    folder = Path(data) / name
    with (folder / f"{name}.csv").open(newline="") as table:
        paths = [folder / row["file"] for row in csv.DictReader(table)]
    if not most or most >= len(paths):
        return paths
    return [paths[i * len(paths) // most] for i in range(most)]


def decode(path):
    """Upright, alpha over white, grey repeated: what a Python user does before `convert("RGB")`."""
    image = ImageOps.exif_transpose(Image.open(path))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def reference(model, paths, raw):
    rows = []
    with raw.open("wb") as file:
        for path in paths:
            image = decode(path)
            file.write(struct.pack("<II", *image.size) + image.tobytes())
            rows.append(model.embed(image))
    return np.stack(rows).astype(np.float64)


def cargo(environment, target, *arguments):
    """Runs a program of this checkout; what it printed."""
    command = ["cargo", "run", "--release", "--quiet", *target, "--", *map(str, arguments)]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    return done.stdout


def cosines(ours, theirs):
    ours = ours.reshape(theirs.shape).astype(np.float64)
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return (ours * theirs).sum(axis=1) / lengths


def measure(model, folder, paths, environment):
    with tempfile.TemporaryDirectory() as place:
        raw, rows = Path(place) / "pictures.raw", Path(place) / "rows.npy"
        theirs = reference(model, paths, raw)
        cargo(environment, ["-p", "vitrail-embed", "--example", "embed_raw"], folder, raw)
        pixels = np.fromfile(f"{raw}.vitrail.f32", "<f4")
        name = model.manifest["identity"]["name"]
        options = ["--models", folder, "--model", name, "--out", rows, "--json"]
        told = json.loads(cargo(environment, ["--bin", "vitrail"], "embed", *options, *paths))
        if told["refused"]:
            raise SystemExit(f"refused: {told['refused']}")
        return {"pixels": cosines(pixels, theirs), "file": cosines(np.load(rows), theirs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["skin", "tiles", "cxr"])
    parser.add_argument("--most", type=int, default=0)
    parser.add_argument("--tract", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.model.resolve()
    model, low = Model(folder, 2), 0
    print("| Set | Pictures | From | Cosine, min | Median | Below the bar |")
    print("|---|---|---|---|---|---|")
    for name in arguments.sets:
        paths = [path.resolve() for path in pictures(arguments.data, name, arguments.most)]
        found = measure(model, folder, paths, {"VITRAIL_ONNXRUNTIME": "none"} if arguments.tract else {})
        for start, values in found.items():
            below = int((values < BARS[start]).sum())
            low += below
            print(f"| {name} | {len(paths)} | {start} | {values.min():.9f} | "
                  f"{np.median(values):.9f} | {below} |", flush=True)
            worst = int(values.argmin())
            if below:
                print(f"{paths[worst].name}: {values[worst]:.9f}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
