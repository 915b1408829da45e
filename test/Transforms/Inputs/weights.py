#!/usr/bin/env python3
# ===- weights.py - Seeded weights and programs on them -------------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes weights.safetensors, seeded random bf16 matrices, and IR that reads
them through programs of one kind:

    weights.py FOLDER KIND [ROWSxCOLUMNS...]

KIND is copy, scale (along both axes), rotate0, rotate1 or rotate (by a random
Hadamard matrix along an axis or both) or mixed (all ops)."""

import math
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "Models"))
import tensorfile

# The second byte of a bf16: sign and exponent, magnitudes from 2^-14 to 4.
EXPONENTS = bytes((i & 0x80) | (0x38 + (i & 7)) for i in range(256))
PIECE = 1 << 24


def write_archive(path, shapes):
    generator = random.Random(1)
    with open(path, "wb") as stream:
        tensorfile.write_header(
            stream, [(name, "BF16", shape, 2 * math.prod(shape))
                     for name, shape in shapes.items()])
        for shape in shapes.values():
            left = 2 * math.prod(shape)
            while left:
                piece = bytearray(generator.randbytes(min(PIECE, left)))
                piece[1::2] = piece[1::2].translate(EXPONENTS)
                stream.write(piece)
                left -= len(piece)


class Function:
    """An entry point that reads what programs compute."""

    def __init__(self):
        self.lines, self.results, self.types = [], [], []

    def add(self, text):
        name = f"%{len(self.lines)}"
        self.lines.append(f"    {name} = quench.{text}")
        return name

    def param(self, key, shape):
        return self.add(f'param <"m"::"{key}"> : {tensor(shape, "bf16")}')

    def wide(self, key, shape):
        return self.cast(self.param(key, shape), shape, "bf16", "f64")

    def cast(self, value, shape, source, target):
        return self.add(f"cast {value} : ({tensor(shape, source)}) -> "
                        f"{tensor(shape, target)}")

    def step(self, name, value, text, shape, result=None, others=()):
        operands = ", ".join(tensor(s, "f64") for s in (shape, *others))
        return self.add(f"{name} {value}{text} : ({operands}) -> "
                        f"{tensor(result or shape, 'f64')}")

    def read(self, value, shape, element="bf16"):
        self.results.append(value)
        self.types.append(tensor(shape, element))

    def write(self, path):
        with open(path, "w") as stream:
            stream.write('module attributes {quench.archives = '
                         '{m = "weights.safetensors"}} {\n')
            stream.write(f'  func.func @f() -> ({", ".join(self.types)}) {{\n')
            stream.write("\n".join(self.lines))
            stream.write(f'\n    return {", ".join(self.results)} : '
                         f'{", ".join(self.types)}\n  }}\n}}\n')


def tensor(shape, element):
    return "tensor<" + "".join(f"{size}x" for size in shape) + element + ">"


def finish(function, value, shape):
    function.read(function.cast(value, shape, "f64", "bf16"), shape)


def scale(function, key, shape):
    value = function.wide(key, shape)
    for axis in (0, 1):
        vector = function.wide(f"scale{shape[axis]}", [shape[axis]])
        value = function.step("channel_scale", value, f", {vector} axis {axis}",
                              shape, others=[[shape[axis]]])
    finish(function, value, shape)


def rotate(function, key, shape, axes=(0, 1)):
    value = function.wide(key, shape)
    for axis in axes:
        order = shape[axis] & -shape[axis]
        value = function.step(
            "rotate", value, f" axis {axis} by("
            f"#quench.random_hadamard<{order}, seed = 7>)", shape)
    finish(function, value, shape)


def mix(function, key, shape):
    rows, columns = shape
    function.read(function.param(key, shape), shape)
    scale(function, key, shape)
    rotate(function, key, shape)
    rotate(function, key, shape, [0])
    for axis in (0, 1):
        finish(function, function.step("center", function.wide(key, shape),
                                       f" axis {axis}", shape), shape)
    turned = [columns, rows]
    value = function.step("transpose", function.wide(key, shape), " [1, 0]",
                          shape, turned)
    value = function.step(
        "rotate", value, f" axis 1 by(#quench.hadamard<{rows & -rows}>)", turned)
    finish(function, value, turned)
    part = [rows, columns // 2]
    value = function.step("slice", function.wide(key, shape),
                          f" axis 1 [{columns // 4}, {columns // 4 * 3}]", shape,
                          part)
    value = function.step("rotate", value,
                          f" axis 0 by(#quench.hadamard<{rows & -rows}>)", part)
    finish(function, value, part)
    # Scales that depend on the whole matrix.
    most = function.step("absmax", function.wide(key, shape), " axis 1", shape,
                         [columns])
    value = function.step("channel_scale", function.wide(key, shape),
                          f", {most} axis 1 inverse", shape, others=[[columns]])
    finish(function, value, shape)


def main():
    folder, kind, *texts = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    shapes = {f"w{index}": [int(size) for size in text.split("x")]
              for index, text in enumerate(texts)}
    sizes = sorted({size for shape in shapes.values() for size in shape})
    write_archive(os.path.join(folder, "weights.safetensors"),
                  {**{f"scale{size}": [size] for size in sizes}, **shapes})
    function = Function()
    for key, shape in shapes.items():
        if kind == "copy":
            function.read(function.param(key, shape), shape)
        else:
            {"scale": scale, "mixed": mix, "rotate": rotate,
             "rotate0": lambda *a: rotate(*a, axes=[0]),
             "rotate1": lambda *a: rotate(*a, axes=[1])}[kind](
                function, key, shape)
    function.write(os.path.join(folder, "model.mlir"))


if __name__ == "__main__":
    main()
