#!/usr/bin/env python3
# ===- materialize.py - Speed of the packer against a copy -----------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Packs seeded random bf16 weights with the shapes of an 8-billion-parameter
LLaMA within 1 GiB, by scalings and by Hadamard rotations, and compares with
`cp --sparse=never` of the packed bytes, round by round. Prints the table of
docs/performance.md.

    materialize.py [--layers 10] [--rounds 3] [--quench build/bin/quench] [--kill]

Ten layers are 4.4 GB; twice that is needed on the disk, in --folder."""

import argparse
import filecmp
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WEIGHTS = os.path.join(SOURCE, "Transforms", "Inputs", "weights.py")
LAYER = ["4096x4096", "1024x4096", "1024x4096", "4096x4096", "14336x4096",
         "14336x4096", "4096x14336"]


def run(command, source):
    """Seconds and the greatest resident memory in MB of a command that reads
    `source`."""
    # Nobody shall wait for the disk to give that or to take what the one before
    # wrote.
    os.sync()
    with open(source, "rb") as stream:
        while stream.read(1 << 22):
            pass
    begin = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {' '.join(command)} failed")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quench", default="build/bin/quench")
    parser.add_argument("--folder", default="materialize-benchmark")
    parser.add_argument("--kinds", default="copy,scale,rotate1,rotate0")
    parser.add_argument("--kill", action="store_true",
                        help="also kill packing at random moments")
    options = parser.parse_args()
    model = os.path.join(options.folder, "model.mlir")
    weights = os.path.join(options.folder, "weights.safetensors")
    packed = os.path.join(options.folder, "packed.safetensors")
    command = [options.quench, "materialize", model, "-o",
               os.path.join(options.folder, "packed.mlir"), "--force",
               "--max-memory", "1"]

    print("| programs | MB | MB/s | cp MB/s | speed, cp = 1 | peak MB |")
    print("|---|---|---|---|---|---|")
    for kind in options.kinds.split(","):
        subprocess.run([sys.executable, WEIGHTS, options.folder, kind,
                        *LAYER * options.layers], check=True)
        rounds = []
        copy = os.path.join(options.folder, "copy")
        for _ in range(options.rounds):
            if os.path.exists(packed):
                os.remove(packed)
            seconds, memory = run(command, weights)
            rounds.append((seconds, run(["cp", "--sparse=never", packed, copy],
                                        packed)[0], memory))
            os.remove(copy)
        size = os.path.getsize(packed) / 1e6
        ours, theirs = (statistics.median(size / r[i] for r in rounds)
                        for i in (0, 1))
        ratios = sorted(r[1] / r[0] for r in rounds)
        print(f"| {kind} | {size:.0f} | {ours:.0f} | {theirs:.0f} | "
              f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}.."
              f"{ratios[-1]:.2f}) | {max(r[2] for r in rounds):.0f} |",
              flush=True)
        if options.kill:
            kill(command, packed, max(r[0] for r in rounds))
    shutil.rmtree(options.folder)


def kill(command, packed, seconds):
    """Kills packing at random moments until it ends, and compares."""
    whole = packed + ".whole"
    os.rename(packed, whole)
    moments = random.Random(1)
    killed = 0
    while True:
        process = subprocess.Popen(command)
        try:
            process.wait(moments.uniform(0, seconds / 4))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    if process.returncode or not filecmp.cmp(packed, whole, shallow=False):
        sys.exit("error: not the same after kill -9")
    print(f"the same bytes after kill -9 at {killed} moments", file=sys.stderr)
    os.remove(whole)


if __name__ == "__main__":
    main()
