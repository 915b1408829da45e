#!/usr/bin/env bash
# Compares MiniLM builds, in floats and quantized (W8A8), with onnxruntime and
# OpenVINO (from PyPI, in an environment of its own) and prints a row of the
# tables of docs/performance.md. Arguments go to test/Benchmark/bert.py.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=${QUENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quench}/benchmark
if [ ! -x "$environment/bin/python" ]; then
  python3 -m venv "$environment"
fi
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
  -r test/Benchmark/requirements.txt

model=$(tools/fetch-minilm.sh)
build/bin/quench build "$model" -o build/minilm --force
build/bin/quench build "$model" --scheme W8A8 -o build/minilm-w8a8 --force
exec "$environment/bin/python" test/Benchmark/bert.py build/minilm "$model" \
  --quantized build/minilm-w8a8 "$@"
