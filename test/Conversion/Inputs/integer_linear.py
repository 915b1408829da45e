#!/usr/bin/env python3
# ===- integer_linear.py - Linears of codes against docs/spec.md ----------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Builds linears with quantized operands for some processors, and compares the
bits of what they compute with what docs/spec.md says.

    integer_linear.py QUENCH FOLDER CPU...

Nothing here comes from the compiler: codes are those of uniform.py, sums are
integers of Python, and floats are rounded from fractions.
"""

import math
import os
import random
import re
import subprocess
import sys
from fractions import Fraction

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [TESTS, os.path.join(TESTS, "Models")]
import levels  # noqa: E402
import tensorfile  # noqa: E402
import uniform  # noqa: E402

SHAPES = [(1, 1), (1, 2), (1, 7), (2, 15)]
random.seed(28)


def round_fraction(value):
    """`value` as the nearest number of f32, ties to even."""
    if value == 0:
        return 0.0
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    return float(round(value / unit) * unit)


def f32(value):
    return uniform.round_to("f32", value)


def fma(a, b, c):
    if all(map(math.isfinite, (a, b, c))):
        return f32(round_fraction(Fraction(a) * Fraction(b) + Fraction(c)))
    return a * b + c


class Format:
    """A uniform format such as `u4, asymmetric, axis = 0, group = 16`."""

    def __init__(self, text):
        self.text = f"#quench.uniform<{text}>" if text != "ternary" else "#quench.ternary<group = 8>"
        self.bits, self.signed = (2, True) if text == "ternary" else (int(text[1]), text[0] == "i")
        self.low, self.high = (-1, 1) if text == "ternary" else uniform.code_range(self.bits, self.signed)
        self.asymmetric = "asymmetric" in text
        self.token, self.axis = "token" in text, "axis" in text
        group = re.search(r"group = (\d+)", self.text)
        self.group = int(group[1]) if group else None

    def random_code(self):
        return random.randint(self.low, self.high)


class Case:

    def __init__(self, name, into, out, x, w, bias=True, dtype="f32", wide=False,
                 dynamic=True, gated=False):
        self.name, self.into, self.out, self.dtype = name, into, out, dtype
        self.x, self.w, self.wide, self.dynamic = Format(x), Format(w), wide, dynamic
        self.gated = gated
        self.matrices = [self.make_matrix(bias) for _ in range(2 if gated else 1)]
        self.static = (f32(random.uniform(0.01, 0.05)), self.x.random_code())

    def make_matrix(self, bias):
        groups = self.into // (self.w.group or self.into)
        count = (self.out if self.w.axis else 1) * groups
        scales = [random.uniform(0.001, 0.1) for _ in range(count)]
        return {
            "codes": [self.w.random_code() for _ in range(self.out * self.into)],
            "scales": scales if self.wide else [f32(s) for s in scales],
            "zeros": [self.w.random_code() if self.w.asymmetric else 0 for _ in range(count)],
            "bias": [uniform.round_to(self.dtype, random.uniform(-1, 1)) for _ in range(self.out)] if bias else None,
        }

    # What the compiler sees.

    def parameter_shape(self):
        shape = [self.out] if self.w.axis else []
        return shape + ([self.into // self.w.group] if self.w.group else [])

    def tensors(self):
        stored = {"f32": "F32", "bf16": "BF16"}[self.dtype]
        result = {}
        for i, m in enumerate(self.matrices):
            key = f"{self.name}{i}"
            pack = lambda values: [v - 256 if v > 127 else v for v in values]
            result[key + "w"] = tensorfile.Tensor.of("I8", [self.out, self.into], pack(m["codes"]))
            result[key + "s"] = tensorfile.Tensor.of("F64" if self.wide else "F32", self.parameter_shape(), m["scales"])
            result[key + "z"] = tensorfile.Tensor.of("I8", self.parameter_shape(), pack(m["zeros"]))
            if m["bias"]:
                data = b"".join(uniform.to_bits(self.dtype, b).to_bytes(uniform.SIZES[self.dtype], "little") for b in m["bias"])
                result[key + "b"] = tensorfile.Tensor(stored, [self.out], data)
        scale, zero = self.static
        result[self.name + "xs"] = tensorfile.Tensor.of("F32", [], [scale])
        result[self.name + "xz"] = tensorfile.Tensor.of("I8", [], [zero - 256 if zero > 127 else zero])
        return result

    def arguments(self):
        names = [f'%{self.name}x: tensor<?x?x{self.into}x{self.dtype}> {{quench.name = "{self.name}", quench.dims = ["b", "t"]}}']
        if not self.dynamic and self.x.token:
            for letter, element in ("s", "f32"), ("z", "i8"):
                names.append(f'%{self.name}{letter}: tensor<?x?x{element}> {{quench.name = "{self.name}{letter}", quench.dims = ["b", "t"]}}')
        if self.gated:
            names.append(f'%{self.name}r: tensor<?x?x{self.out}x{self.dtype}> {{quench.name = "{self.name}r", quench.dims = ["b", "t"]}}')
        return names

    def result(self):
        return f'tensor<?x?x{self.out}x{self.dtype}> {{quench.name = "{self.name}", quench.dims = ["b", "t"]}}'

    def body(self):
        n, d = self.name, self.dtype
        x, y = f"tensor<?x?x{self.into}x{d}>", f"tensor<?x?x{self.out}x{d}>"
        lines, zero, zero_type = [], "", ""
        token = "?x?x" if self.x.token else ""
        if self.dynamic:
            lines.append(f"%{n}s = quench.dynamic_scale %{n}x by({self.x.text}) : ({x}) -> tensor<?x?xf32>")
        elif not self.x.token:
            lines.append(f'%{n}s = quench.param <"m"::"{n}xs"> : tensor<f32>')
            lines.append(f'%{n}z = quench.param <"m"::"{n}xz"> : tensor<i8>')
        if self.x.asymmetric:
            zero, zero_type = f", %{n}z", f", tensor<{token}i8>"
        lines.append(f"%{n}f = quench.fake_quant %{n}x, %{n}s{zero} by({self.x.text}) : ({x}, tensor<{token}f32>{zero_type}) -> {x}")
        dims = "x".join(map(str, self.parameter_shape()))
        dims += "x" if dims else ""
        for i, m in enumerate(self.matrices):
            key, s = f"{n}{i}", "f64" if self.wide else "f32"
            lines.append(f'%{key}w = quench.param <"m"::"{key}w"> : tensor<{self.out}x{self.into}xi8>')
            lines.append(f'%{key}s = quench.param <"m"::"{key}s"> : tensor<{dims}{s}>')
            lines.append(f'%{key}z = quench.param <"m"::"{key}z"> : tensor<{dims}i8>')
            zero, zero_type = (f", %{key}z", f", tensor<{dims}i8>") if self.w.asymmetric else ("", "")
            lines.append(f"%{key}d = quench.dequantize %{key}w, %{key}s{zero} by({self.w.text}) : (tensor<{self.out}x{self.into}xi8>, tensor<{dims}{s}>{zero_type}) -> tensor<{self.out}x{self.into}x{s}>")
            weight = f"%{key}d"
            if s != d:
                lines.append(f"%{key}c = quench.cast %{key}d : (tensor<{self.out}x{self.into}x{s}>) -> tensor<{self.out}x{self.into}x{d}>")
                weight = f"%{key}c"
            bias, bias_type = "", ""
            if m["bias"]:
                lines.append(f'%{key}b = quench.param <"m"::"{key}b"> : tensor<{self.out}x{d}>')
                bias, bias_type = f" bias %{key}b", f", tensor<{self.out}x{d}>"
            lines.append(f"%{key}y = quench.linear %{n}f, {weight}{bias} : ({x}, tensor<{self.out}x{self.into}x{d}>{bias_type}) -> {y}")
        value = f"%{n}0y"
        if self.gated:
            lines.append(f"%{n}g = quench.gated %{n}0y, %{n}1y by relu : {y}")
            lines.append(f"%{n}a = quench.add %{n}g, %{n}r residual : ({y}, {y}) -> {y}")
            value = f"%{n}a"
        return lines, value, y

    # What docs/spec.md says.

    def scale(self, row):
        """C23, C26."""
        if any(map(math.isnan, row)):
            return 1.0
        scale = f32(max(map(abs, row)) / self.x.high)
        return min(scale, 2.0**127) if scale > 0 else 1.0

    def encode(self, row, scale, zero):
        """C6, without the zero point."""
        return [uniform.quantize(x, scale, zero, self.x.bits, self.x.signed, "f32") - zero for x in row]

    def product(self, matrix, codes, scale, channel):
        """C28 to C30."""
        m = self.matrices[matrix]
        size = self.w.group or self.into
        groups = self.into // size
        y = 0.0
        for g in range(groups):
            at = (channel if self.w.axis else 0) * groups + g
            zero = m["zeros"][at]
            first = channel * self.into + g * size
            total = sum(a * (q - zero) for a, q in zip(codes[g * size:(g + 1) * size], m["codes"][first:first + size]))
            factor = f32(m["scales"][at])
            if groups == 1:
                y = f32(f32(float(total)) * f32(scale * factor))
            else:
                y = fma(f32(float(total)), factor, y)
        if groups > 1:
            y = f32(y * scale)
        return f32(y + m["bias"][channel]) if m["bias"] else y

    def expected(self, inputs, row):
        x = inputs[self.name][row * self.into:(row + 1) * self.into]
        if self.dynamic:
            scale, zero = self.scale(x), 0
        elif self.x.token:
            scale, zero = inputs[self.name + "s"][row], inputs[self.name + "z"][row]
        else:
            scale, zero = self.static
        zero = zero if self.x.asymmetric else 0
        codes = self.encode(x, scale, zero)
        for channel in range(self.out):
            y = self.product(0, codes, scale, channel)
            if self.gated:
                y = uniform.round_to(self.dtype, y)
                up = uniform.round_to(self.dtype, self.product(1, codes, scale, channel))
                y = f32((y if y > 0 else 0.0) * up)
                y = f32(y + inputs[self.name + "r"][row * self.out + channel])
            yield uniform.round_to(self.dtype, y)


def make_rows(case, rows):
    """Numbers of ties, of nothing, and beyond all bounds among others."""
    values = []
    for row in range(rows):
        kind = row % 7
        magnitude = 2.0 ** random.randint(-6, 6)
        line = [random.uniform(-magnitude, magnitude) for _ in range(case.into)]
        if kind == 1:
            line = [0.0] * case.into
        if kind == 2:
            line[random.randrange(case.into)] = math.nan
        if kind == 3:
            line[random.randrange(case.into)] = math.inf
        if kind == 4:
            line = [random.randint(-254, 254) / 2 for _ in range(case.into)]
            line[0] = 127.0
        if kind == 5:
            line = [v * 2.0**-140 for v in line]
        values += [uniform.round_to(case.dtype, v) for v in line]
    return values


def store(dtype, shape, values):
    data = b"".join(uniform.to_bits(dtype, v).to_bytes(uniform.SIZES[dtype], "little") for v in values)
    return tensorfile.Tensor(dtype.upper(), shape, data)


CASES = [
    Case("aligned", 64, 64, "i8, token", "i8, axis = 0"),
    Case("ragged", 37, 21, "i8, token", "i8, axis = 0", bias=False),
    Case("static", 40, 33, "u8, asymmetric", "i8", dynamic=False),
    Case("symmetric", 24, 16, "u8", "i5, axis = 0", dynamic=False),
    Case("groups", 48, 21, "i8, token", "u4, asymmetric, axis = 0, group = 16"),
    Case("zeros", 30, 35, "u8, asymmetric, token", "u8, asymmetric, axis = 0", dynamic=False),
    Case("ternary", 32, 20, "i4", "ternary", dynamic=False, wide=True),
    Case("halves", 37, 21, "i8, token", "i8, axis = 0", dtype="bf16"),
    Case("odd", 12, 9, "i8, token", "i4, axis = 0, group = 6", wide=True),
    Case("gated", 36, 40, "i8, token", "i4, axis = 0", gated=True),
]


def write(path, tensors):
    with open(path, "wb") as stream:
        tensorfile.write_header(stream, [(n, t.dtype, t.shape, len(t.data)) for n, t in tensors.items()])
        for tensor in tensors.values():
            stream.write(tensor.data)


def main(quench, folder, *cpus):
    os.makedirs(folder, exist_ok=True)
    parameters = {}
    for case in CASES:
        parameters.update(case.tensors())
    write(os.path.join(folder, "m.safetensors"), parameters)
    bodies = [case.body() for case in CASES]
    lines = [line for body, _, _ in bodies for line in body]
    arguments = [text for case in CASES for text in case.arguments()]
    with open(os.path.join(folder, "m.mlir"), "w") as stream:
        stream.write(
            'module @m attributes {quench.archives = {m = "m.safetensors"}, quench.symbols = {b = [1], t = [1]}} {\n'
            f"  func.func @f({', '.join(arguments)}) -> ({', '.join(case.result() for case in CASES)}) attributes {{quench.entry}} {{\n    "
            + "\n    ".join(lines)
            + f"\n    return {', '.join(v for _, v, _ in bodies)} : {', '.join(t for _, _, t in bodies)}\n  }}\n}}\n")

    runs = []
    for batch, tokens in SHAPES:
        rows, inputs, stored = batch * tokens, {}, {}
        for case in CASES:
            inputs[case.name] = make_rows(case, rows)
            stored[case.name] = store(case.dtype, [batch, tokens, case.into], inputs[case.name])
            if not case.dynamic and case.x.token:
                inputs[case.name + "s"] = [f32(random.uniform(0.01, 0.05)) for _ in range(rows)]
                inputs[case.name + "z"] = [case.x.random_code() for _ in range(rows)]
                stored[case.name + "s"] = store("f32", [batch, tokens], inputs[case.name + "s"])
                stored[case.name + "z"] = tensorfile.Tensor.of("I8", [batch, tokens], [z - 256 if z > 127 else z for z in inputs[case.name + "z"]])
            if case.gated:
                inputs[case.name + "r"] = [f32(random.uniform(-1, 1)) for _ in range(rows * case.out)]
                stored[case.name + "r"] = store("f32", [batch, tokens, case.out], inputs[case.name + "r"])
        path = os.path.join(folder, f"{batch}x{tokens}.safetensors")
        write(path, stored)
        expected = {case.name: [y for row in range(rows) for y in case.expected(inputs, row)] for case in CASES}
        runs.append((path, list(stored), expected))

    for cpu in cpus:
        if not levels.can_run(cpu):
            print(f"{cpu}: not here")
            continue
        program = os.path.join(folder, "program")
        subprocess.run([quench, "build", os.path.join(folder, "m.mlir"), "--cpu", cpu, "-o", program, "--force"], check=True)
        equal, wrong = 0, {}
        for path, names, expected in runs:
            output = os.path.join(folder, "out.safetensors")
            command = [program, "--force", "--output", output]
            for name in names:
                command += ["--input", f"{name}={path}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            found, _ = tensorfile.load(output)
            for case in CASES:
                for i, (a, b) in enumerate(zip(found[case.name].values(), expected[case.name], strict=True)):
                    if a == b and math.copysign(1, a) == math.copysign(1, b) or math.isnan(a) and math.isnan(b):
                        equal += 1
                    else:
                        wrong.setdefault(case.name, f"{os.path.basename(path)} element {i}: found {a!r}, expected {b!r}")
        for name, text in wrong.items():
            print(f"{cpu}: {name}: {text}")
        print(f"{cpu}: {equal} numbers equal, {len(wrong)} cases wrong")


main(*sys.argv[1:])
