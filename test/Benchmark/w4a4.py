#!/usr/bin/env python3
# ===- w4a4.py - What rotations save of W4A4 -------------------------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Bits per byte of the trained language models, and images that the trained
ViTs name right, in floats and with codes of 4 bits for weights (a scale a
channel) and activations (a scale a token), rounded to nearest, after several
rewrites. Prints the table of docs/performance.md.

    w4a4.py [--windows N] [--quench build/bin/quench] [--codes i4]
            [--columns NAME,...] [--at-most NAME=X] [--at-least NAME=X] [MODEL...]

Needs numpy. All of the held-out text are 2048 windows of 128 bytes."""

import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

import numpy as np

MODELS = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "Models")
BATCH = 64
FOLD = "quench-fold-norm-affine"
# The layer norms of a ViT become RMS norms first; other models have none.
ROTATE = ("quench-layernorm-to-rmsnorm,"
          "quench-rotate-stream{policy=random-hadamard},"
          "quench-rotate-pair{policy=random-hadamard}")
# Options of the build before fake_quant comes in.
REWRITES = {
    "naive": [],
    "fold": ["--insert-after", f"canonical={FOLD}"],
    "fold + rotate": ["--insert-after", f"canonical={FOLD},{ROTATE}"],
    "quarot": ["--recipe", "quarot"],
}


def write_tensor(path, name, array, dtype):
    header = json.dumps({name: {"dtype": dtype, "shape": array.shape,
                                "data_offsets": [0, array.nbytes]}}).encode()
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header + array.tobytes())


def read_tensor(path, name):
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        entry = json.loads(stream.read(length))[name]
        begin, end = entry["data_offsets"]
        stream.seek(8 + length + begin)
        types = {"F32": np.float32, "I64": np.int64}
        return np.frombuffer(stream.read(end - begin),
                             types[entry["dtype"]]).reshape(entry["shape"])


def run(program, folder, inputs):
    """The logits for `inputs`, `name=file`."""
    result = os.path.join(folder, "logits.safetensors")
    subprocess.run([program, "--input", inputs, "--output", result, "--force"],
                   check=True, stdout=subprocess.DEVNULL)
    return read_tensor(result, "logits").astype(np.float64)


def measure_text(program, folder, windows):
    """Bits per byte: the mean of -log2 p over bytes 1 to 127 of windows."""
    text = np.fromfile(os.path.join(MODELS, "data", "text-heldout.bin"), np.uint8)
    text = text[:len(text) // 128 * 128].reshape(-1, 128)[:windows]
    total = 0.0
    path = os.path.join(folder, "ids.safetensors")
    for begin in range(0, len(text), BATCH):
        ids = text[begin:begin + BATCH].astype(np.int64)
        write_tensor(path, "input_ids", ids, "I64")
        logits = run(program, folder, f"input_ids={path}")[:, :-1]
        most = logits.max(-1, keepdims=True)
        norm = np.log(np.exp(logits - most).sum(-1)) + most[..., 0]
        chosen = np.take_along_axis(logits, ids[:, 1:, None], -1)[..., 0]
        total += (norm - chosen).sum() / np.log(2)
    return f"{total / (len(text) * 127):.3f}"


def measure_images(program, folder, _):
    """Images named right, of all."""
    path = os.path.join(MODELS, "data", "digits-test.safetensors")
    labels = read_tensor(path, "labels")
    logits = run(program, folder, f"pixel_values={path}")
    return f"{(logits.argmax(-1) == labels).sum()} of {len(labels)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", default=[
        "llama-out-bytes", "llama-bytes", "mamba-out-bytes", "vit-out-digits"])
    parser.add_argument("--windows", type=int, default=2048)
    parser.add_argument("--quench", default="build/bin/quench")
    parser.add_argument("--scheme", default="W4A4")
    parser.add_argument("--columns", default=",".join(["float", *REWRITES]))
    parser.add_argument("--at-most", action="append", default=[], metavar="N=X",
                        help="fail when column N of a model is above X")
    parser.add_argument("--at-least", action="append", default=[], metavar="N=X",
                        help="fail when column N of a model is below X")
    options = parser.parse_args()
    columns = options.columns.split(",")
    print("| model | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    failed = False
    for model in options.models:
        measure = measure_images if model.startswith("vit") else measure_text
        figures = []
        with tempfile.TemporaryDirectory() as folder:
            for column in columns:
                program = os.path.join(folder, "program")
                command = [options.quench, "build", os.path.join(MODELS, model),
                           "-o", program, "--force"]
                if column != "float":
                    command += [*REWRITES[column], "--scheme", options.scheme]
                done = subprocess.run(command, capture_output=True, text=True,
                                      check=False)
                if done.returncode:
                    print(done.stderr, file=sys.stderr)
                figures.append("refused" if done.returncode else measure(
                    program, folder, options.windows))
        print(f"| {model} | " + " | ".join(figures) + " |", flush=True)
        for limits, sign in (options.at_most, 1), (options.at_least, -1):
            for limit in limits:
                column, bound = limit.split("=")
                figure = figures[columns.index(column)]
                failed |= figure == "refused" or sign * float(
                    re.match("[0-9.]+", figure)[0]) > sign * float(bound)
    sys.exit(failed)


if __name__ == "__main__":
    main()
