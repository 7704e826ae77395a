"""Tiles a second of a Python loop over OpenSlide and Pillow, on the tiles that Vitrail would cut.

    vitrail slide tiles SLIDE --tile-mpp 0.5,1,2 > tiles.geojson
    python openslide_tiles.py SLIDE tiles.geojson --threads 2
    vitrail bench slide SLIDE --tile-mpp 0.5,1,2 --threads 2

Needs openslide-python, openslide-bin, pillow. Each tile is read from the level that Vitrail reads
(the coarsest that is not coarser than asked), and resized to 224 x 224 bilinearly.
"""

import argparse
import json
import resource
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openslide
from PIL import Image

SIDE = 224


def boxes_of(path):
    features = json.load(open(path))["features"]
    for feature in features:
        ring = feature["geometry"]["coordinates"][0]
        (left, top), (right, bottom) = ring[0], ring[2]
        yield left, top, right - left, bottom - top


def cut(slide, box):
    left, top, width, height = box
    want = min(width, height) / SIDE
    fits = [i for i, down in enumerate(slide.level_downsamples) if down <= want * 1.01]
    level = fits[-1] if fits else 0
    down = slide.level_downsamples[level]
    size = (max(1, round(width / down)), max(1, round(height / down)))
    tile = slide.read_region((left, top), level, size).convert("RGB")
    if size != (SIDE, SIDE):
        tile = tile.resize((SIDE, SIDE), Image.BILINEAR)
    return int(np.asarray(tile).sum())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("slide")
    parser.add_argument("tiles")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    slide = openslide.OpenSlide(asked.slide)
    boxes = list(boxes_of(asked.tiles))[: asked.limit]
    started = time.perf_counter()
    with ThreadPoolExecutor(asked.threads) as pool:
        total = sum(pool.map(lambda box: cut(slide, box), boxes))
    seconds = time.perf_counter() - started
    report = {
        "openslide": openslide.__library_version__,
        "tiles": len(boxes),
        "seconds": seconds,
        "tiles_per_second": len(boxes) / seconds,
        "threads": asked.threads,
        "resident_peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "mean": total / (len(boxes) * SIDE * SIDE * 3),
    }
    print(json.dumps(report, indent=2))


main()
