#!/usr/bin/env bash
# Compares builds with libraries from PyPI, in an environment of its own, and
# prints a table of docs/performance.md:
#
#   tools/benchmark.sh [minilm] [--schemes float W8A8] [--threads 2] ...
#   tools/benchmark.sh vit-b16|bert-base|llama-3.2-1b --schemes W8A8 W4A8 ...
#   tools/benchmark.sh linear --schemes W8A8 --shapes 512x768x3072 ...
#   tools/benchmark.sh build
#
# Other arguments go to test/Benchmark/models.py, linear.py or build_time.py.
# Checkpoints, graphs and programs stay in build/benchmark for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."

row=minilm
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  row=$1
  shift
fi

environment=${QUENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quench}/benchmark
if [ ! -x "$environment/bin/python" ]; then
  python3 -m venv "$environment"
fi
# llama-cpp-python is compiled, for this processor: wheels of llama.cpp know AVX2
# at most. By clang, since GCC 12 takes stores to the configuration of tile
# registers away, and llama.cpp crashes.
CC=clang-22 CXX=clang++-22 CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF ${CMAKE_ARGS-}" \
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
  -r test/Benchmark/requirements.txt

benchmark() {
  exec "$environment/bin/python" "test/Benchmark/$1" "${@:2}"
}
case $row in
  minilm)
    model=$(tools/fetch-minilm.sh)
    benchmark models.py "$model" --work build/benchmark/minilm "$@" ;;
  vit-b16 | bert-base)
    benchmark models.py "$row" --work "build/benchmark/$row" --schemes W8A8 W4A8 "$@" ;;
  llama-3.2-1b)
    benchmark models.py "$row" --work "build/benchmark/$row" --schemes W4A8 \
      --length 512 --calls 3 --group 32 --zero-points "$@" ;;
  linear)
    benchmark linear.py --work build/benchmark/linear "$@" ;;
  build)
    model=$(tools/fetch-minilm.sh)
    benchmark build_time.py "$model" "$@" ;;
  *)
    echo "error: no benchmark is called '$row', expected minilm, vit-b16, bert-base, llama-3.2-1b, linear or build" >&2
    exit 2 ;;
esac
