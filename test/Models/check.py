#!/usr/bin/env python3
# ===- check.py - A compiled model against its references -----------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs a compiled model on the reference inputs of a folder of test/Models and
compares what it gives with what the folder expects.

The difference of two tensors is max|a - b| / max|b|, or max|a - b| with
`--absolute`. A decoder is also run token by token with its states.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys
import tempfile

import tensorfile


def difference(actual, expected, absolute):
    """How far apart two lists are; infinite where one is not finite."""
    largest = max(map(abs, expected), default=0.0)
    worst = 0.0
    for a, b in zip(actual, expected):
        d = abs(a - b)
        if not d <= worst:
            worst = d
        if math.isnan(d):
            return math.inf
    return worst if absolute else worst / largest


def pick(tensor, positions):
    """The given positions of `[B, T, ...]`, flat."""
    batch, length = tensor.shape[:2]
    width = math.prod(tensor.shape[2:])
    values = tensor.values()
    picked = []
    for b in range(batch):
        for t in positions:
            begin = (b * length + t) * width
            picked.extend(values[begin:begin + width])
    return picked


class Checker:

    def __init__(self, arguments):
        self.program = arguments.program
        self.threads = arguments.threads
        self.absolute = arguments.absolute is not None
        self.tolerance = (arguments.absolute
                          if self.absolute else arguments.relative)
        self.failures = 0
        self.manifest = self.read_manifest()

    def run(self, inputs, folder, entry=None):
        """The outputs for the tensors `inputs`."""
        source = os.path.join(folder, "inputs.safetensors")
        target = os.path.join(folder, "outputs.safetensors")
        tensorfile.save(source, inputs)
        command = [self.program, "--output", target, "--force",
                   "--threads", str(self.threads)]
        if entry:
            command += ["--entry", entry]
        for name in inputs:
            command += ["--input", f"{name}={source}"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"{' '.join(command)}\nexit status {result.returncode}\n"
                     f"{result.stderr}")
        return tensorfile.load(target)[0]

    def report(self, what, actual, expected):
        ok = len(actual) == len(expected)
        d = difference(actual, expected, self.absolute) if ok else math.inf
        ok = ok and d <= self.tolerance
        self.failures += not ok
        print(f"{'ok' if ok else 'WRONG'} {what}: {d:.2e}")

    def read_manifest(self):
        result = subprocess.run([self.program, "--info", "--json"],
                                capture_output=True, text=True, check=True)
        return json.loads(result.stdout)

    def check_decoding(self, path):
        """Half of the tokens at once, the others one by one, with states."""
        entries = {entry["name"]: entry for entry in self.manifest["entries"]}
        if "decode" not in entries:
            return
        expected, metadata = tensorfile.load(path)
        name = os.path.basename(path).removesuffix(".safetensors")
        output = metadata["outputs"]
        ids = expected["input_ids"]
        batch, length = ids.shape
        kept = list(expected["positions"].values()
                    if "positions" in expected else range(length))
        if not 1 < length < 100:
            return
        tokens = ids.values()
        sizes = {"batch": batch, "context": length + 3}
        states, has_position = {}, False
        for port in entries["decode"]["inputs"]:
            role = port.get("role", "data")
            has_position |= role == "position"
            if role == "state":
                shape = [sizes.get(size, size) for size in port["shape"]]
                states[port["name"]] = tensorfile.Tensor.zeros(
                    port["dtype"], shape)
        actual = []
        with tempfile.TemporaryDirectory() as folder:
            begin, end = 0, length // 2
            while begin < length:
                piece = [tokens[b * length + t] for b in range(batch)
                         for t in range(begin, end)]
                inputs = {"input_ids": tensorfile.Tensor.of(
                    "I64", [batch, end - begin], piece), **states}
                if has_position:
                    inputs["position"] = tensorfile.Tensor.of("I64", [],
                                                              [begin])
                outputs = self.run(inputs, folder,
                                   "decode" if begin else "prefill")
                states = {state: outputs[state] for state in states}
                actual += [pick(outputs[output], [t - begin]) for t in kept
                           if begin <= t < end]
                begin, end = end, end + 1
        # By position first here, by batch first in the reference.
        width = len(actual[0]) // batch
        values = [value for b in range(batch) for step in actual
                  for value in step[b * width:(b + 1) * width]]
        self.report(f"{name} {output} token by token", values,
                    expected[output].values())

    def check(self, path):
        expected, metadata = tensorfile.load(path)
        name = os.path.basename(path).removesuffix(".safetensors")
        outputs = metadata["outputs"].split(",")
        positions = expected.pop("positions", None)
        inputs = {key: tensor for key, tensor in expected.items()
                  if key not in outputs}
        with tempfile.TemporaryDirectory() as folder:
            actual = self.run(inputs, folder)
        for output in outputs:
            if output not in actual:
                sys.exit(f"{path}: no output '{output}', found "
                         f"{', '.join(actual)}")
            if positions:
                values = pick(actual[output], positions.values())
            else:
                values = actual[output].values()
                assert actual[output].shape == expected[output].shape, (
                    actual[output].shape, expected[output].shape)
            self.report(f"{name} {output}", values,
                        expected[output].values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="a model that `quench build` wrote")
    parser.add_argument("folder", help="folder with bB-tT.safetensors")
    parser.add_argument("--relative", type=float, default=1e-5)
    parser.add_argument("--absolute", type=float)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    checker = Checker(arguments)
    paths = sorted(glob.glob(os.path.join(arguments.folder, "b*-t*.safetensors")))
    if not paths:
        sys.exit(f"{arguments.folder}: no references")
    for path in paths:
        checker.check(path)
        checker.check_decoding(path)
    print(f"{len(paths)} references, {checker.failures} outputs wrong")
    sys.exit(1 if checker.failures else 0)


if __name__ == "__main__":
    main()
