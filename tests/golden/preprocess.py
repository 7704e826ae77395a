#!/usr/bin/env python3
"""Golden checksums of preprocessing, for src/embed/preprocess: writes preprocess.csv beside itself.

    preprocess.py            Pillow 13.0.0, NumPy 2.4.6, Python 3.11

The pictures are made by a formula that both sides know (`picture`), so no pixels are stored. The
rules are those of embed_reference.py, which calls Pillow and follows torchvision 0.29's resize and
center_crop. Column `sha256` is over the bytes of the square (uint8) or of the tensor (float32,
little endian, in the layout's order); `head` shows the first values for people.
"""

import csv
import hashlib
import itertools
from pathlib import Path

import numpy as np
from PIL import Image

from embed_reference import FILTERS, scale, square

SIZES = [
    (320, 280), (200, 150), (450, 600), (37, 113), (1, 1), (5, 1), (2, 301), (224, 224),
    (256, 256), (257, 255), (1023, 767), (2000, 31),
]
GEOMETRIES = [
    {"rule": "shortest_then_center_crop", "resize_px": 256, "crop_px": 224},
    {"rule": "shortest_then_center_crop", "resize_px": 31, "crop_px": 30},
    {"rule": "squash", "size_px": 97},
]
SCALINGS = [
    {"base": "u8_255"},
    {"base": "u8_255", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    {"base": "signed_127_5"},
    {"base": "per_image_minmax"},
    {"base": "per_image_minmax", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.25, 0.125]},
    {"base": "none", "mean": [127.0, 127.0, 127.0], "std": [128.0, 128.0, 128.0]},
]


def picture(kind, width, height):
    """`noise`: a hash of the byte's index; `ramp`: slopes that differ by axis and channel."""
    i = np.arange(width * height * 3, dtype=np.uint64)
    if kind == "noise":
        v = (i * 2654435761 + 12345) & 0xFFFFFFFF
        v = ((v ^ (v >> 15)) * 2246822519) & 0xFFFFFFFF
        values = (v ^ (v >> 13)) >> 24 & 0xFF
    else:
        pixel, c = i // 3, i % 3
        x, y = pixel % width, pixel // width
        values = (x * (c + 1) + y * (3 - c)) // 4 & 0xFF
    return Image.fromarray(values.astype(np.uint8).reshape(height, width, 3))


def words(mapping):
    """`rule=squash size_px=97`: one cell of the table."""
    def text(value):
        return ";".join(map(str, value)) if isinstance(value, list) else str(value)

    return " ".join(f"{key}={text(value)}" for key, value in mapping.items())


def rows():
    for kind, size, kernel, geometry in itertools.product(
        ["noise", "ramp"], SIZES, FILTERS, GEOMETRIES
    ):
        seen = square(picture(kind, *size), {"geometry": geometry, "kernel": kernel})
        head = " ".join(str(value) for value in seen.ravel()[:4])
        digest = hashlib.sha256(seen.tobytes()).hexdigest()
        yield [kind, *size, kernel, words(geometry), "", "", digest, head]
    geometry, kernel = GEOMETRIES[2], "pil_bicubic"
    for layout, scaling in itertools.product(["nchw", "nhwc"], SCALINGS):
        manifest = {
            "geometry": geometry, "kernel": kernel, "scaling": scaling,
            "tensor": {"layout": layout},
        }
        floats = scale(square(picture("ramp", 200, 150), manifest), manifest)
        data = np.ascontiguousarray(floats, dtype="<f4")
        head = " ".join(f"{value:.6g}" for value in data.ravel()[:4])
        digest = hashlib.sha256(data.tobytes()).hexdigest()
        yield ["ramp", 200, 150, kernel, words(geometry), words(scaling), layout, digest, head]


def main():
    path = Path(__file__).with_suffix(".csv")
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            "kind width height kernel geometry scaling layout sha256 head".split()
        )
        writer.writerows(rows())


if __name__ == "__main__":
    main()
