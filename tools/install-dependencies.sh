#!/usr/bin/env bash
# Installs what Quench is built with, from Debian 12's own archive.
# Needs root; tools/quickstart.sh and tools/check.sh call it.
#
#   install-dependencies.sh                 installs what is missing
#   install-dependencies.sh --download DIR  only fetches the packages, with all
#                                           that they need, for a machine offline
set -euo pipefail

packages=(
  # compiler and build
  clang-22 libclang-rt-22-dev lld-22 g++ cmake ninja-build ccache git ca-certificates
  # LLVM and MLIR
  llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  # libraries of the runtime and the tests
  libabsl-dev libeigen3-dev libxxhash-dev libutf8proc-dev nlohmann-json3-dev libgtest-dev
  # scripts and tests
  python3 python3-numpy python3-pip python3-venv valgrind
)

if [ "${1:-}" = --download ]; then
  mkdir -p "${2:?error: --download needs a folder}"
  cd "$2"
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "${packages[@]}" |
    grep '^[a-z0-9]' | sort -u | xargs apt-get download
  exit 0
elif [ $# -ne 0 ]; then
  echo "error: unknown argument '$1'; expected nothing or --download DIR" >&2
  exit 2
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
    grep -q "install ok installed" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "error: missing packages: ${missing[*]}" >&2
  echo "run as root, or install them: apt-get install ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
