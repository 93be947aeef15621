# Shared by every script: where build products live, and how to speak to the person who waits.
# shellcheck shell=bash
set -euo pipefail

PARAPET_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
PARAPET_CACHE="${PARAPET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/parapet}"

# One target folder outside the clone: a fresh clone finds what an earlier one built.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PARAPET_CACHE/target}"

# RocksDB's C++ takes 15 minutes on two cores, per cargo profile; bootstrap builds it once for all of them.
ROCKSDB_VERSION="0.19.0+11.8.1" # of the crate librocksdb-sys; bootstrap checks it against Cargo.lock
export ROCKSDB_LIB_DIR="$PARAPET_CACHE/rocksdb-$ROCKSDB_VERSION-$(uname -m)"
export ROCKSDB_STATIC=1

# ONNX Runtime is opened at run time; it is the shared library out of the PyPI wheel: `onnxruntime`, or `onnxruntime-gpu`.
ONNXRUNTIME_PACKAGE="${ONNXRUNTIME_PACKAGE:-onnxruntime}"
case "$ONNXRUNTIME_PACKAGE" in
  onnxruntime-gpu) ONNXRUNTIME_VERSION="1.31.1" ;; # comes later than the other, for x86_64 alone
  *) ONNXRUNTIME_VERSION="1.32.0" ;;
esac
export ORT_DYLIB_PATH="${ORT_DYLIB_PATH:-$PARAPET_CACHE/$ONNXRUNTIME_PACKAGE-$ONNXRUNTIME_VERSION-$(uname -m)/libonnxruntime.so.$ONNXRUNTIME_VERSION}"

KAFKA_VERSION="4.1.0" # of the Maven artifact kafka_2.13, for tests alone
AZURITE_VERSION="3.35.0" # of the npm package, for tests alone
AIOSMTPD_VERSION="1.4.6" # of the PyPI package, for tests alone

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
note() { printf '   %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "this step needs root: run as root, or install sudo. The step was: $*"
  fi
}

# Installs the Debian packages among "$@" that are missing.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  command -v apt-get >/dev/null || die "no apt-get here; install these packages by hand: ${missing[*]}"
  note "installing: ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
