#!/usr/bin/env python3
# ===- variant.py - A copy of a checkpoint with changes -------------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Copies a checkpoint of test/Models and changes it, for the tests of errors."""

import argparse
import json
import math
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "Models"))
import tensorfile


def place(config, key):
    """The object that holds a dotted key, and its last part."""
    *path, last = key.split(".")
    for part in path:
        config = config.setdefault(part, {})
    return config, last


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--file", default="config.json",
                        help="the JSON file that --set and --unset change")
    parser.add_argument("--set", action="append", default=[],
                        metavar="KEY=JSON")
    parser.add_argument("--unset", action="append", default=[], metavar="KEY")
    parser.add_argument("--drop", action="append", default=[],
                        metavar="TENSOR")
    parser.add_argument("--rename", action="append", default=[],
                        metavar="OLD=NEW")
    parser.add_argument("--add", action="append", default=[],
                        metavar="TENSOR=DTYPE:SIZE,SIZE[:NUMBER]",
                        help="add or replace a tensor by one of zeros, or of a "
                        "number")
    parser.add_argument("--remove", action="append", default=[],
                        metavar="FILE")
    arguments = parser.parse_args()

    shutil.rmtree(arguments.target, ignore_errors=True)
    shutil.copytree(arguments.source, arguments.target)
    for name in arguments.remove:
        os.remove(os.path.join(arguments.target, name))

    path = os.path.join(arguments.target, arguments.file)
    if arguments.set or arguments.unset:
        with open(path) as stream:
            config = json.load(stream)
        for item in arguments.set:
            key, value = item.split("=", 1)
            target, last = place(config, key)
            target[last] = json.loads(value)
        for key in arguments.unset:
            target, last = place(config, key)
            del target[last]
        with open(path, "w") as stream:
            json.dump(config, stream, indent=2)

    if arguments.drop or arguments.rename or arguments.add:
        path = os.path.join(arguments.target, "model.safetensors")
        tensors, metadata = tensorfile.load(path)
        for name in arguments.drop:
            del tensors[name]
        for item in arguments.rename:
            old, new = item.split("=")
            tensors[new] = tensors.pop(old)
        for item in arguments.add:
            name, spec = item.split("=")
            dtype, sizes, *number = spec.split(":")
            shape = [int(size) for size in sizes.split(",") if size]
            tensors[name] = (tensorfile.Tensor.of(
                dtype, shape, [float(number[0])] * math.prod(shape))
                             if number else
                             tensorfile.Tensor.zeros(dtype, shape))
        tensorfile.save(path, tensors, metadata)


if __name__ == "__main__":
    main()
