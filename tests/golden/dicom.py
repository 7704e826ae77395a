#!/usr/bin/env python3
"""What pydicom makes of DICOM files: the goldens of src/ingest/dicom/tests.rs.

    dicom.py DATA > tests/golden/dicom.csv

A row for each file of DATA/dicom and DATA/broken (*.dcm), of the frame in the middle (of two the
first):

    stored   SHA-256 of the samples as 16 bits, little endian, without bits above the stored ones;
             colours as RGB of 8 bits, 16-bit ones rounded
    shown    SHA-256 of the 8-bit picture: grey through modality LUT, window or VOI LUT and inversion
    some     the shown picture's values at 8 places, to tell how far another decoder is off

The window is pydicom's own (apply_modality_lut, apply_voi_lut); where a file has none, 8 unsigned
bits are shown as they are and others from the least to the greatest value that occurs.
"""

import hashlib
import sys
import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut

warnings.simplefilter("ignore")
PLACES = 8


def rounded_to_8(samples, bits):
    top = (1 << bits) - 1
    return ((samples.astype(np.int64) & top) * 255 + top // 2) // top


def in_colours(dataset, frame):
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        return (apply_color_lut(frame, dataset).astype(np.int64) >> 8) & 255
    return frame if dataset.BitsStored == 8 else rounded_to_8(frame, dataset.BitsStored)


def shades(dataset, frame):
    meant = apply_modality_lut(frame, dataset)
    center = dataset.get("WindowCenter")
    if center not in (None, "") or "VOILUTSequence" in dataset:
        shown = apply_voi_lut(meant, dataset, prefer_lut=False).astype(float)
        if center not in (None, ""):
            low, high = 0.0, float((1 << dataset.BitsStored) - 1)
            if dataset.PixelRepresentation:
                low = -float(1 << (dataset.BitsStored - 1))
                high = -low - 1
            slope = float(dataset.get("RescaleSlope", 1))
            offset = float(dataset.get("RescaleIntercept", 0))
            low, high = low * slope + offset, high * slope + offset
        else:
            low = 0.0
            high = float((1 << dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    elif dataset.BitsStored <= 8 and not dataset.PixelRepresentation and np.array_equal(meant, frame):
        shown, low, high = meant.astype(float), 0.0, float((1 << dataset.BitsStored) - 1)
    else:
        shown = meant.astype(float)
        low, high = shown.min(), shown.max()
    share = np.clip((shown - low) / (high - low), 0, 1) if high > low else np.zeros_like(shown)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        share = 1 - share
    return np.floor(share * 255 + 0.5)


def row(path):
    dataset = pydicom.dcmread(path, force=True)
    if dataset.file_meta.get("TransferSyntaxUID") == pydicom.uid.JPEGBaseline8Bit:
        # The other plugin is not libjpeg, and one grey level off in a thousandth of the pixels.
        dataset.pixel_array_options(decoding_plugin="pillow")
    array = dataset.pixel_array
    if int(dataset.get("NumberOfFrames", 1) or 1) > 1:
        array = array[(array.shape[0] - 1) // 2]
    if dataset.SamplesPerPixel == 1 and dataset.PhotometricInterpretation != "PALETTE COLOR":
        stored = array.astype(np.int64) & ((1 << dataset.BitsStored) - 1)
        shown = shades(dataset, array)
    else:
        stored = in_colours(dataset, array)
        shown = stored
    digest = hashlib.sha256(stored.astype("<u2").tobytes()).hexdigest()
    picture = shown.astype(np.uint8)
    flat = picture.reshape(-1)
    some = [int(flat[i * (flat.size - 1) // (PLACES - 1)]) for i in range(PLACES)]
    height, width = array.shape[:2]
    return [width, height, digest, hashlib.sha256(picture.tobytes()).hexdigest(),
            " ".join(map(str, some))]


def main():
    data = Path(sys.argv[1])
    versions = f"pydicom {pydicom.__version__}, numpy {np.__version__}"
    for name in ("PIL", "pylibjpeg", "libjpeg", "openjpeg", "rle", "jpeg_ls"):
        module = __import__(name)
        versions += f", {name} {getattr(module, '__version__', '')}".rstrip()
    print(f"# {versions}")
    print("file,width,height,stored,shown,some")
    for path in sorted([*data.glob("dicom/*/*.dcm"), *data.glob("broken/*/*.dcm")]):
        try:
            cells = row(path)
        except Exception as error:  # pydicom's refusals have many types
            cells = ["", "", "", "", f"{type(error).__name__}"]
        print(",".join(map(str, [path.relative_to(data).as_posix(), *cells])))


if __name__ == "__main__":
    main()
