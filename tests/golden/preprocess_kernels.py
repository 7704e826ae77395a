#!/usr/bin/env python3
"""Goldens of the kernels and geometries beside preprocess.py's: writes preprocess_kernels.csv.

    preprocess_kernels.py    Pillow 13.0.0, TensorFlow 2.21.0, OpenCV 5.0.0, NumPy 2.4, Python 3.11

The pictures are preprocess.py's formula. `values` are the square's numbers, row by row: two hex
digits a byte for u8, eight (float32, little endian) for f32. TensorFlow's kernels are its own ops
(`tf.compat.v1.image.resize_bilinear`, `tf.image.resize`); Pillow's in f32 is its mode F, channel
by channel; OpenCV's is `cv2.resize`. Geometries are open_clip's `ResizeKeepRatio` (longest),
torchvision's `CenterCrop` and `FiveCrop`, and the zero-pad of Google's MedSigLIP container, written
from their sources with Pillow.
"""

import csv
import itertools
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image

from embed_reference import FILTERS, center_crop, resize_shortest
from preprocess import picture, words

SIZES = [(32, 28), (7, 13), (1, 1), (37, 113), (48, 16), (33, 33), (64, 64), (101, 67)]
GEOMETRY_SIZES = [(320, 280), (37, 113), (1, 1), (5, 1), (224, 224), (257, 255), (30, 31)]


def kernel_resize(image, kernel, dtype, side):
    x = np.asarray(image)
    if kernel == "tf1_bilinear_legacy":
        out = tf.compat.v1.image.resize_bilinear(
            x[None].astype(np.float32), (side, side), align_corners=False, half_pixel_centers=False
        ).numpy()[0]
        return out.astype(np.uint8) if dtype == "u8" else out
    if kernel == "tf2_bilinear_noaa":
        out = tf.image.resize(x, (side, side), method="bilinear", antialias=False).numpy()
        return out.astype(np.uint8) if dtype == "u8" else out
    if kernel.startswith("cv_"):
        flag = cv2.INTER_AREA if kernel == "cv_area" else cv2.INTER_CUBIC
        x = x if dtype == "u8" else x.astype(np.float32)
        return cv2.resize(x, (side, side), interpolation=flag)
    planes = [Image.fromarray(x[..., c].astype(np.float32)) for c in range(3)]
    return np.stack([np.asarray(p.resize((side, side), FILTERS[kernel])) for p in planes], -1)


def longest_then_pad(image, size, value, placement, resample):
    width, height = image.size
    scale = size / max(width, height)
    new = tuple(max(1, round(side * scale)) for side in (width, height))
    image = image.resize(new, resample)
    gap = (size - new[0], size - new[1])
    at = (gap[0] // 2, gap[1] // 2) if placement == "center" else (0, 0)
    out = Image.new("RGB", (size, size), (value,) * 3)
    out.paste(image, at)
    return np.asarray(out)


def pad_square_then_resize(image, size, value, placement, resample):
    side = max(image.size)
    gap = (side - image.size[0], side - image.size[1])
    at = (gap[0] // 2, gap[1] // 2) if placement == "center" else (0, 0)
    out = Image.new("RGB", (side, side), (value,) * 3)
    out.paste(image, at)
    return np.asarray(out.resize((size, size), resample))


def center_crop_only(image, crop):
    """torchvision's center_crop, which pads a smaller picture with zeros first."""
    width, height = image.size
    left = (crop - width) // 2 if crop > width else 0
    top = (crop - height) // 2 if crop > height else 0
    right = (crop - width + 1) // 2 if crop > width else 0
    bottom = (crop - height + 1) // 2 if crop > height else 0
    padded = Image.new("RGB", (width + left + right, height + top + bottom))
    padded.paste(image, (left, top))
    return np.asarray(center_crop(padded, crop))


def five_crop(image, resize, crop, resample):
    image = resize_shortest(image, resize, resample)
    width, height = image.size
    boxes = [(0, 0), (width - crop, 0), (0, height - crop), (width - crop, height - crop)]
    crops = [image.crop((x, y, x + crop, y + crop)) for x, y in boxes]
    return np.concatenate([np.asarray(c) for c in [*crops, center_crop(image, crop)]])


def rows():
    for size, kernel, dtype in itertools.product(
        SIZES, ["tf1_bilinear_legacy", "tf2_bilinear_noaa", "cv_area", "cv_cubic", *FILTERS],
        ["u8", "f32"],
    ):
        if kernel.startswith("pil_") and (dtype == "u8" or kernel == "pil_nearest"):
            continue  # preprocess.csv has them
        side = 16 if dtype == "u8" else 9
        seen = kernel_resize(picture("noise", *size), kernel, dtype, side)
        geometry = {"rule": "squash", "size_px": side}
        yield [*size, kernel, dtype, words(geometry), seen.astype("<f4" if dtype == "f32" else "u1")]
    kernel = "pil_bicubic"
    resample = FILTERS[kernel]
    for size in GEOMETRY_SIZES:
        image = picture("noise", *size)
        for value, placement in [(0, "center"), (127, "bottom_right")]:
            tail = {"size_px": 15, "pad_value": value, "placement": placement}
            seen = longest_then_pad(image, 15, value, placement, resample)
            yield [*size, kernel, "u8", words({"rule": "longest_then_pad", **tail}), seen]
            seen = pad_square_then_resize(image, 15, value, placement, resample)
            yield [*size, kernel, "u8", words({"rule": "pad_square_then_resize", **tail}), seen]
        rule = {"rule": "center_crop_only", "crop_px": 32}
        yield [*size, "none", "u8", words(rule), center_crop_only(image, 32)]
        rule = {"rule": "five_crop_mean", "resize_px": 13, "crop_px": 10}
        yield [*size, kernel, "u8", words(rule), five_crop(image, 13, 10, resample)]


def main():
    path = Path(__file__).with_suffix(".csv")
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("width height kernel dtype geometry values".split())
        for *cells, seen in rows():
            writer.writerow([*cells, np.ascontiguousarray(seen).tobytes().hex()])


if __name__ == "__main__":
    main()
