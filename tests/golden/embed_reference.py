#!/usr/bin/env python3
"""The Python reference of room embed: Pillow + NumPy + ONNX Runtime on the manifest's own graph.

    embed_reference.py MODEL_DIR --golden                 the manifest's golden entries
    embed_reference.py MODEL_DIR --decode RAW PICTURE...  decoded pixels, and their vectors
    embed_reference.py MODEL_DIR --compare RAW            those vectors against Vitrail's

RAW holds, for each picture, width and height (little-endian u32) and its RGB bytes, so that both
sides see the same pixels. --decode also writes RAW.f32, one row a picture (float32, little
endian). Vitrail's side, on the same RAW: `cargo run --release -p vitrail-embed --example embed_raw
-- MODEL_DIR RAW`, which writes RAW.vitrail.f32; --compare prints the cosines.

Made with Python 3.11, Pillow 13.0.0, NumPy 2.4.6, onnxruntime 1.31.1. The recipe is written from
the libraries' own functions, not from Vitrail's code.
"""

import argparse
import struct
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

FILTERS = {
    "pil_nearest": Image.Resampling.NEAREST,
    "pil_bilinear": Image.Resampling.BILINEAR,
    "pil_bicubic": Image.Resampling.BICUBIC,
    "pil_lanczos": Image.Resampling.LANCZOS,
}


def resize_shortest(image, size, resample):
    """torchvision.transforms.functional.resize with one int, on a PIL image."""
    width, height = image.size
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = size, int(size * long / short)
    wanted = (new_short, new_long) if width <= height else (new_long, new_short)
    return image if wanted == image.size else image.resize(wanted, resample)


def center_crop(image, side):
    """torchvision.transforms.functional.center_crop where the picture is not smaller."""
    width, height = image.size
    left, top = int(round((width - side) / 2.0)), int(round((height - side) / 2.0))
    return image.crop((left, top, left + side, top + side))


def square(image, manifest):
    """What the network sees, as uint8 [side, side, 3]."""
    geometry = manifest["geometry"]
    resample = FILTERS.get(manifest.get("kernel"))
    image = image.convert("RGB")
    if geometry["rule"] == "shortest_then_center_crop":
        image = resize_shortest(image, geometry["resize_px"], resample)
        image = center_crop(image, geometry["crop_px"])
    elif geometry["rule"] == "squash":
        image = image.resize((geometry["size_px"],) * 2, resample)
    elif image.size != (geometry["size_px"],) * 2:
        raise ValueError(f"exact: {image.size}")
    return np.asarray(image)


def scale(pixels, manifest):
    """Floats in the manifest's layout, in single precision."""
    scaling, x = manifest["scaling"], pixels.astype(np.float32)
    if scaling["base"] == "u8_255":
        x = x / np.float32(255)
    elif scaling["base"] == "signed_127_5":
        x = x / np.float32(127.5) - np.float32(1)
    elif scaling["base"] == "per_image_minmax":
        low, high = x.min(), x.max()
        x = (x - low) / (high - low) if high > low else np.zeros_like(x)
    if "mean" in scaling:
        x = x - np.array(scaling["mean"], np.float32)
    if "std" in scaling:
        x = x / np.array(scaling["std"], np.float32)
    return x if manifest["tensor"]["layout"] == "nhwc" else x.transpose(2, 0, 1)


def pattern_tensor(shape):
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    return ((i * 7919 % 255).astype(np.float32) / np.float32(127.5) - 1).reshape(shape)


def pattern_picture(width, height):
    i = np.arange(width * height * 3, dtype=np.int64)
    return Image.fromarray((i * 7919 % 255).astype(np.uint8).reshape(height, width, 3))


class Model:
    def __init__(self, folder, threads):
        folder = Path(folder)
        self.manifest = tomllib.loads((folder / "model.toml").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = folder / self.manifest["files"][0]["path"]
        self.session = onnxruntime.InferenceSession(str(path), options)

    def run(self, tensor):
        output = self.manifest["outputs"][0]["name"]
        name = self.manifest["tensor"]["input_name"]
        return self.session.run([output], {name: np.ascontiguousarray(tensor)})[0]

    def embed(self, image):
        return self.run(scale(square(image, self.manifest), self.manifest)[None])[0]


def golden(model):
    geometry = model.manifest["geometry"]
    side = geometry.get("size_px") or geometry["crop_px"]
    chw = model.manifest["tensor"]["layout"] == "nchw"
    shape = (1, 3, side, side) if chw else (1, side, side, 3)
    size = (side, side) if geometry["rule"] == "exact" else (320, 280)
    for name, vector in [
        ("tensor_7919", model.run(pattern_tensor(shape))[0]),
        ("picture_7919", model.embed(pattern_picture(*size))),
    ]:
        print("[[verification.golden]]")
        print(f'input = "{name}"')
        print(f"prefix = [{', '.join(f'{float(v):.6g}' for v in vector[:16])}]")
        print(f"norm = {float(np.linalg.norm(vector)):.7g}\ntolerance = 0.0005\n")


def read_raw(path):
    data = Path(path).read_bytes()
    at = 0
    while at < len(data):
        width, height = struct.unpack_from("<II", data, at)
        end = at + 8 + width * height * 3
        yield Image.frombytes("RGB", (width, height), data[at + 8 : end])
        at = end


def decode(model, raw, pictures):
    rows, seconds = [], 0.0
    with open(raw, "wb") as file:
        for path in pictures:
            image = Image.open(path).convert("RGB")
            file.write(struct.pack("<II", *image.size) + image.tobytes())
    for image in read_raw(raw):
        started = time.perf_counter()
        rows.append(model.embed(image))
        seconds += time.perf_counter() - started
    print(f"{len(rows)} pictures, {1e3 * seconds / len(rows):.2f} ms each")
    np.stack(rows).astype("<f4").tofile(f"{raw}.f32")


def compare(model, raw):
    dim = model.manifest["outputs"][0]["dim"]
    here, there = (
        np.fromfile(path, "<f4").reshape(-1, dim).astype(np.float64)
        for path in (f"{raw}.f32", f"{raw}.vitrail.f32")
    )
    lengths = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    cosines = (here * there).sum(axis=1) / lengths
    gap = np.abs(here - there).max()
    print(f"{len(cosines)} pictures: cosine min {cosines.min():.9f} mean {cosines.mean():.9f}, "
          f"largest difference {gap:.3g}")
    return 0 if len(here) == len(there) and cosines.min() >= 0.99999 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("pictures", nargs="*")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--decode", metavar="RAW")
    parser.add_argument("--compare", metavar="RAW")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    model = Model(arguments.model, arguments.threads)
    if arguments.golden:
        golden(model)
    if arguments.decode:
        decode(model, arguments.decode, arguments.pictures)
    return compare(model, arguments.compare) if arguments.compare else 0


if __name__ == "__main__":
    sys.exit(main())
