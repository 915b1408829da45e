#!/usr/bin/env python3
# ===- equivalence.py - Cost of proving rewrites of a large model ----------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Folds and rotates layers of an 8-billion-parameter LLaMA, random weights,
and proves each pass. Prints a table of time and memory.

    equivalence.py [--layers 2] [--memory 1] [--bin build/bin]

Weights are random numbers; no checkpoint is needed."""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(SOURCE, "Import", "Inputs"),
                os.path.join(SOURCE, "Models")]
import sparse_llama
import tensorfile

PASSES = ["--quench-fold-norm-affine", "--quench-rotate-stream",
          "--quench-rotate-pair"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--memory", default="1")
    parser.add_argument("--passes", default=" ".join(PASSES))
    parser.add_argument("--bin", default="build/bin")
    options = parser.parse_args()
    folder = tempfile.mkdtemp()
    model, certificates = (os.path.join(folder, name) for name in
                           ("model.mlirbc", "certificates.json"))
    sparse_llama.write_config(folder, options.layers)
    shapes = sparse_llama.get_shapes(options.layers)
    with open(os.path.join(folder, "model.safetensors"), "wb") as stream:
        size = tensorfile.write_header(
            stream, [(name, "BF16", shape, 2 * math.prod(shape))
                     for name, shape in shapes.items()])
        stream.truncate(stream.tell() + size)
    subprocess.run([os.path.join(options.bin, "quench"), "import", folder,
                    "--dtype", "bf16", "-o", model], check=True)
    print("| passes | layers | million weights | s | peak MB | largest error |")
    print("|---|---|---|---|---|---|", flush=True)
    begin = time.monotonic()
    process = subprocess.Popen(
        [os.path.join(options.bin, "quench-opt"), model,
         *options.passes.split(), "--certificates", certificates,
         "--equivalence-memory", options.memory,
         "-o", os.path.join(folder, "rotated.mlirbc")])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        sys.exit("error: the passes failed")
    with open(certificates) as stream:
        passes = json.load(stream)["passes"]
    weights = sum(math.prod(shape) for shape in shapes.values())
    print(f"| {len(passes)} | {options.layers} | {weights / 1e6:.0f} | "
          f"{seconds:.0f} | {usage.ru_maxrss / 1024:.0f} | "
          f"{max(entry['error'] for entry in passes):.1e} |")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
