#!/usr/bin/env bash
# All benchmarks of speed that docs/performance.md shows, the most telling first,
# for an idle machine. Each writes one table and one plot of ratios to the best
# peer to build/benchmark/results; what is there already is left out, so the same
# command goes on after an interruption.
#
#   test/Benchmark/all.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-7}
results=build/benchmark/results
mkdir -p "$results"

row() {
  local name=$1
  shift
  if [ -s "$results/$name.md" ]; then
    return
  fi
  if [ "$1" != build ]; then
    set -- "$@" --plot "$results/$name.svg"
  fi
  echo "== $(date +%T) $name: tools/benchmark.sh $*"
  if tools/benchmark.sh "$@" >"$results/$name.new" 2>"$results/$name.log"; then
    mv "$results/$name.new" "$results/$name.md"
    cat "$results/$name.md"
  else
    echo "error: $name failed, see $results/$name.log" >&2
  fi
}

products=()
for shape in 384x384 768x768 3072x768 768x3072 4096x4096; do
  products+=("128x$shape" "512x$shape")
done

for threads in 1 2; do
  row "gemm-w4a8-$threads" linear --schemes W4A8/128 --threads "$threads" --rounds "$rounds" \
    --shapes 128x4096x4096 256x4096x4096 512x4096x4096
  row "gemm-w8a8-$threads" linear --schemes W8A8 --threads "$threads" --rounds "$rounds" \
    --shapes 512x8192x2048 "${products[@]}"
  row "gemv-$threads" linear --schemes W4A8/128 W4A16/128 --threads "$threads" --rounds "$rounds" \
    --shapes 1x4096x4096
done
for threads in 1 2; do
  row "bert-base-$threads" bert-base --threads "$threads" --rounds "$rounds" --calls 7
  row "vit-b16-$threads" vit-b16 --threads "$threads" --rounds "$rounds" --calls 7
  row "minilm-$threads" minilm --threads "$threads" --rounds "$rounds"
done
# In groups of 32 with zero points, as accurate as llama.cpp, and of 128.
row llama-2 llama-3.2-1b --threads 2 --rounds "$rounds" --calls 1
row llama-1 llama-3.2-1b --threads 1 --rounds "$rounds" --calls 1 --reuse
row llama-2-128 llama-3.2-1b --threads 2 --rounds "$rounds" --calls 1 --group 128
row build build --rounds "$rounds"
for threads in 1 2; do
  row "minilm-32-$threads" minilm --threads "$threads" --batch 32 --calls 3 --rounds "$rounds"
done
