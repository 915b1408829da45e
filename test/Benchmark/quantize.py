#!/usr/bin/env python3
# ===- quantize.py - Time to quantize an 8-billion-parameter model ---------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Gives the weights of an 8-billion-parameter LLaMA, seeded random bf16, codes of
4 bits in groups of 128 within 4 GiB: all layers rounded to nearest, and one
layer by GPTQ with given moments of its inputs. Prints the table of
docs/performance.md.

    quantize.py [--layers 10] [--methods rtn,gptq] [--gram f64] [--threads N]

Ten layers are 6.5 GB; twice that is needed on the disk, in --folder. Needs
numpy."""

import argparse
import math
import os
import shutil
import subprocess
import sys
import time

import numpy as np

TEST = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
for folder in ("Import/Inputs", "Transforms/Inputs", "Models"):
    sys.path.insert(0, os.path.join(TEST, folder))
import sparse_llama
import tensorfile
import weights

SITES = {"self_attn.q_proj": sparse_llama.HIDDEN,
         "self_attn.o_proj": sparse_llama.HIDDEN,
         "mlp.gate_proj": sparse_llama.HIDDEN,
         "mlp.down_proj": sparse_llama.INNER}


def write_moments(path, element):
    """Moments of inputs a few directions of which are much stronger."""
    random = np.random.default_rng(1)
    dtype = {"f32": np.float32, "f64": np.float64}[element]
    names = {f"model.layers.0.{site}.input.gram": size
             for site, size in SITES.items()}
    with open(path, "wb") as stream:
        tensorfile.write_header(
            stream, [(name, element.upper(), (n, n), n * n * dtype().itemsize)
                     for name, n in names.items()],
            {"format": "quench-statistics", "version": "1"})
        for n in names.values():
            strong = random.standard_normal((n, 32), dtype=np.float32)
            own = np.exp(random.standard_normal(n))
            for i in range(0, n, 512):
                block = (strong[i:i + 512] @ strong.T / 8).astype(dtype)
                rows = np.arange(len(block))
                block[rows, i + rows] += own[i:i + 512]
                stream.write(block.tobytes())


def run(command):
    """Seconds, and the greatest resident memory in MB."""
    begin = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {' '.join(command)} failed")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--methods", default="rtn,gptq")
    parser.add_argument("--gram", default="f64", choices=("f32", "f64"))
    parser.add_argument("--threads")
    parser.add_argument("--quench", default="build/bin/quench")
    parser.add_argument("--folder", default="quantize-benchmark")
    options = parser.parse_args()
    stats = os.path.join(options.folder, "stats.safetensors")
    packed = os.path.join(options.folder, "packed")

    print("| method | weights | s | ns a weight | peak MB |")
    print("|---|---|---|---|---|")
    for method in options.methods.split(","):
        layers = options.layers if method == "rtn" else 1
        sparse_llama.write_config(options.folder, layers)
        shapes = sparse_llama.get_shapes(layers)
        weights.write_archive(
            os.path.join(options.folder, "model.safetensors"), shapes)
        command = [options.quench, "materialize", options.folder, "--dtype",
                   "bf16", "--scheme", "W4A16", "--weight-method", method,
                   "--max-memory", "4", "--force", "-o", packed]
        if options.threads:
            command += ["--threads", options.threads]
        if method not in ("rtn", "mse", "quest"):
            write_moments(stats, options.gram)
            command += ["--param", f"stats={stats}"]
        seconds, memory = run(command)
        shutil.rmtree(packed)
        count = sum(math.prod(shape) for name, shape in shapes.items()
                    if name.endswith("proj.weight"))
        print(f"| {method} | {count / 1e6:.0f} million | {seconds:.1f} | "
              f"{seconds / count * 1e9:.1f} | {memory:.0f} |", flush=True)
    shutil.rmtree(options.folder)


if __name__ == "__main__":
    main()
