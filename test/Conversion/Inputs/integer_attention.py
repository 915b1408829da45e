#!/usr/bin/env python3
# ===- integer_attention.py - Attention of codes against docs/spec.md -----===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Builds attention with quantized operands and probabilities for some processors,
and compares the bits of what it computes with the interpreter of docs/spec.md. What this
processor cannot run is emulated and runs by HOST, see test/emulation.py.

    integer_attention.py QUENCH QUENCH_OPT CLANG HOST FOLDER CPU...
"""

import json
import os
import subprocess
import sys

import numpy as np

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [TESTS, os.path.join(TESTS, "Models")]
import emulation  # noqa: E402
import interpreter  # noqa: E402
import levels  # noqa: E402
import tensorfile  # noqa: E402

LOG_INT = "by(#quench.log<u4, zero = extra>) step 6.25e-02 "
NAMED = "{{head_groups = array<i64: 1, 0, 1>}}"
# Name, heads, groups, channels of keys and values, words of the op, codes of operands,
# those of probabilities.
CASES = [
    ("mask", 2, 2, 32, 32, "mask {mask} scale 0.17 full", "i8", "u8, token"),
    ("causal", 4, 2, 20, 37, "scale 0.21 causal", "i8", "u8, token"),
    ("sliding", 3, 2, 70, 9, "{bias} scale 0.125 sliding {{window = 5 : i64, head_groups = array<i64: 1, 0, 1>}}", "i5", "u5, token"),
    ("logint", 3, 2, 9, 5, LOG_INT + "{bias} scale 0.25 causal " + NAMED, "i8", None),
    ("zeros", 2, 1, 6, 3, "by(#quench.log<u3, zero = last>) step 2.000000e-02 mask {mask} scale 0.2 full", "u8, asymmetric", None),
    # Given scales and zero points, and in each of these a table of another size.
    ("log", 4, 2, 32, 40, "mask {mask} scale 0.19 full", "u8, asymmetric, given", "#quench.log<u4, zero = last>"),
    ("roots", 3, 2, 19, 21, "scale 0.25 causal " + NAMED, "u8, asymmetric, given", "#quench.log<u4, step = 1 : 2, zero = extra>"),
    ("least", 2, 1, 16, 16, "scale 0.25 full", "i8", "#quench.log<u3, token>"),
    ("rows", 2, 2, 11, 17, "mask {mask} scale 0.25 causal", "i8", "#quench.log<u4, step = 1 : 2, zero = last, token>"),
    ("units", 3, 3, 12, 8, "{bias} scale 0.3 causal", "i8, given", "#quench.log<u3, step = 13 : 37, unit = 14, zero = last>"),
    ("tangent", 2, 2, 8, 33, "scale 0.3 sliding {{window = 9 : i64}}", "u8, given", "#quench.tangent<u6, a = 2.9, b = 1.5>"),
    ("uniform", 4, 2, 7, 6, "scale 0.3 full", "u8, asymmetric, heads", "u8"),
]
# Sequences, queries, keys: one block of keys, ragged ones, more than one.
SHAPES = [(2, 7, 7), (1, 35, 71), (1, 3, 300)]


def tensor(*dims):
    return f"tensor<{'x'.join(map(str, dims))}xf32>"


def quantize(lines, name, source, kind, form, parameters):
    if "asymmetric" in form:
        zeros = parameters.replace("f32", "i8")
        lines.append(f"%{name}s, %{name}z = quench.dynamic_parameters %{source} by({form}) : ({kind}) -> ({parameters}, {zeros})")
        lines.append(f"%{name} = quench.fake_quant %{source}, %{name}s, %{name}z by({form}) : ({kind}, {parameters}, {zeros}) -> {kind}")
        return
    lines.append(f"%{name}s = quench.dynamic_scale %{source} by({form}) : ({kind}) -> {parameters}")
    lines.append(f"%{name} = quench.fake_quant %{source}, %{name}s by({form}) : ({kind}, {parameters}) -> {kind}")


def quantize_with(lines, arguments, name, source, kind, form, parameters):
    """With given scales and zero points, arguments that are called so."""
    operands, kinds = [f"%{source}", f"%{name}scale"], [kind, parameters]
    if "asymmetric" in form:
        operands.append(f"%{name}zero")
        kinds.append(parameters.replace("f32", "i8"))
    arguments += [(operand[1:], kind, "") for operand, kind in zip(operands[1:], kinds[1:])]
    lines.append(f"%{name} = quench.fake_quant {', '.join(operands)} by({form}) : ({', '.join(kinds)}) -> {kind}")


def build_case(name, heads, groups, keys, values, words, codes, probabilities):
    """The arguments, lines and the result of a case."""
    q, k, v = tensor("?", "?", heads, keys), tensor("?", "?", groups, keys), tensor("?", "?", groups, values)
    p, y = tensor("?", heads, "?", "?"), tensor("?", "?", heads, values)
    arguments = [(f"{name}q", q, '"b", "t"'), (f"{name}k", k, '"b", "l"'), (f"{name}v", v, '"b", "l"')]
    kinds, lines = [q, k], []
    codes, given, _ = codes.partition(", given")
    for i, (source, kind, count) in enumerate((("q", q, heads), ("k", k, groups), ("v", v, groups))):
        places = lines, f"{name}{i}", f"{name}{source}", kind
        if "heads" in codes:
            form = f"#quench.uniform<{codes.replace('heads', 'axis = 2')}>"
            quantize_with(lines, arguments, *places[1:], form, tensor(count))
        elif given:
            quantize_with(lines, arguments, *places[1:], f"#quench.uniform<{codes}>", "tensor<f32>")
        else:
            quantize(*places, f"#quench.uniform<{codes}, {'sequence' if source == 'v' else 'token'}>",
                     tensor("?", count) if source == "v" else tensor("?", "?", count))
    operands = f"%{name}0, %{name}1"
    if "{mask}" in words:
        arguments.append((f"{name}m", "tensor<?x?xi64>", '"b", "l"'))
        kinds.append("tensor<?x?xi64>")
    if "{bias}" in words:
        arguments.append((f"{name}b", tensor(heads, "?", "?"), '"t", "l"'))
        kinds.append(tensor(heads, "?", "?"))
    text = words.format(mask=f"%{name}m", bias=f"bias %{name}b")
    if not probabilities:
        lines.append(f"%{name}w = quench.log_int_probabilities {operands} {text} : ({', '.join(kinds)}) -> {p}")
    else:
        lines.append(f"%{name}p = quench.attention_probabilities {operands} {text} : ({', '.join(kinds)}) -> {p}")
        form = probabilities if "#" in probabilities else f"#quench.uniform<{probabilities}>"
        if "token" in form:
            quantize(lines, f"{name}w", f"{name}p", p, form, tensor("?", heads, "?"))
        else:
            quantize_with(lines, arguments, f"{name}w", f"{name}p", p, form, "tensor<f32>")
    order = "{head_groups = array<i64: 1, 0, 1>} " if "head_groups" in words else ""
    lines.append(f"%{name}y = quench.attention_values %{name}w, %{name}2 {order}: ({p}, {v}) -> {y}")
    return arguments, lines, (f"{name}y", y)


def make_inputs(arguments, sizes, generator):
    values = {}
    for name, kind, dims in arguments:
        *words, element = kind[len("tensor<"):-1].split("x")
        symbols = iter([word.strip(' "') for word in dims.split(",")])
        shape = [sizes[next(symbols)] if word == "?" else int(word) for word in words]
        if name.endswith("zero"):
            values[name] = generator.integers(-128, 128, shape).astype(np.int8)
            continue
        if name.endswith("scale"):
            # Of probabilities near the greatest code, or number, for 1.
            scale = {"uniformwscale": 1 / 250}.get(name, generator.uniform(0.8, 1)) if name.endswith("wscale") else generator.uniform(0.01, 0.05, shape)
            values[name] = np.array(scale, np.float32)
            continue
        if element == "i64":
            # The last sequence sees nothing where there is more than one.
            values[name] = generator.integers(0, 2, shape)
            if len(values[name]) > 1:
                values[name][-1] = 0
            continue
        x = (generator.normal(size=shape) * generator.choice([0.1, 1, 4], shape[:2] + [1] * (len(shape) - 2))).astype(np.float32)
        # Rows of zeros, and numbers that need true divisions.
        x[0, 0] = 0
        x[0, -1] *= np.float32(1e-25)
        # What is no number, and scores beyond those of f32. The interpreter has no
        # zero points for them.
        if name.startswith("zeros"):
            pass
        elif name.endswith("q"):
            x[0, 1, 0, 0] = np.nan
            x[0, 2, 0, 0] = 3e38
        elif name.endswith("k"):
            x[0, 1, 0, 0] = -np.inf
            x[0, 2, -1, 1] = np.nan
        values[name] = x
    return values


def write(path, values):
    kinds = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64", np.dtype(np.int8): "I8"}
    tensors = {name: tensorfile.Tensor(kinds[x.dtype], list(x.shape), x.tobytes()) for name, x in values.items()}
    with open(path, "wb") as stream:
        tensorfile.write_header(stream, [(name, t.dtype, t.shape, len(t.data)) for name, t in tensors.items()])
        for tensor in tensors.values():
            stream.write(tensor.data)


def check_published():
    """The integers of FQ-ViT's softmax that the interpreter has, as published."""
    with open(os.path.join(TESTS, "Vectors", "fq_log_int_softmax.json")) as stream:
        data = json.load(stream)
    steps, items = np.array(data["codes"]), data["out"]["items"]
    powers = interpreter.log_int_powers(steps, data["scale"])
    found = {"exp": powers, "ratio": interpreter.log_int_ratios(powers),
             "code": interpreter.log_int_codes(steps * data["scale"], data["scale"], 16)}
    assert powers.sum() == data["out"]["total"]
    found["zero"] = found["code"] == 16
    for name, integers in found.items():
        assert integers.tolist() == [item[name] for item in items], name
    print("integer softmax as published")


def build(quench, clang, host, module, cpu, folder):
    """The command of a program of `module`."""
    program = os.path.join(folder, "program")
    # Code that is not optimized computes the same and is made in half the time.
    quick = [] if cpu == "native" else ["--quick"]
    command = [quench, "build", module, "--cpu", cpu, "-o", program, "--force", *quick]
    if levels.can_run(cpu):
        subprocess.run(command, check=True)
        return [program]
    subprocess.run([*command, "--emit", "llvm", "--weights", "external"], check=True)
    # The archive of no parameters: data begin at a multiple of 64.
    with open(program + ".safetensors", "wb") as stream:
        stream.write((56).to_bytes(8, "little") + b"{}".ljust(56))
    with open(program) as stream:
        return [host, emulation.make_library(clang, stream.read(), cpu, program + ".so", "-O0")]


def main(quench, quench_opt, clang, host, folder, *cpus):
    check_published()
    os.makedirs(folder, exist_ok=True)
    cases = [build_case(*case) for case in CASES]
    arguments = [argument for case in cases for argument in case[0]]
    heads = ", ".join(f'%{name}: {kind} {{quench.name = "{name}", quench.dims = [{dims}]}}' for name, kind, dims in arguments)
    results = ", ".join(f'{kind} {{quench.name = "{name}", quench.dims = ["b", "t"]}}' for _, _, (name, kind) in cases)
    path = os.path.join(folder, "m.mlir")
    with open(path, "w") as stream:
        stream.write("module @m attributes {quench.symbols = {b = [1], t = [1], l = [1]}} {\n"
                     f"  func.func @f({heads}) -> ({results}) attributes {{quench.entry}} {{\n    "
                     + "\n    ".join(line for _, lines, _ in cases for line in lines)
                     + f"\n    return {', '.join('%' + name for _, _, (name, _) in cases)} : {', '.join(kind for _, _, (_, kind) in cases)}\n  }}\n}}\n")
    text = subprocess.run([quench_opt, path, "--quench-legalize", "--mlir-print-op-generic"], capture_output=True, text=True, check=True).stdout
    function = interpreter.Module(text).functions[0]
    returned = function.ops[-1].operands
    generator = np.random.default_rng(35)
    runs = []
    for batch, queries, keys in SHAPES:
        values = make_inputs(arguments, {"b": batch, "t": queries, "l": keys}, generator)
        inputs = os.path.join(folder, f"{batch}x{queries}x{keys}.safetensors")
        write(inputs, values)
        known = {f"arg{i}": values[name] for i, (name, _, _) in enumerate(arguments)}
        evaluated = interpreter.Interpreter(function, {}, known)
        runs.append((inputs, {name: evaluated.get(value) for (_, _, (name, _)), value in zip(cases, returned)}))
    for cpu in cpus:
        if not levels.can_run(cpu) and not emulation.can_emulate(cpu):
            print(f"{cpu}: not here")
            continue
        command, output = build(quench, clang, host, path, cpu, folder), os.path.join(folder, "out.safetensors")
        equal, wrong = 0, {}
        for inputs, expected in runs:
            given = [word for name, _, _ in arguments for word in ("--input", f"{name}={inputs}")]
            subprocess.run([*command, "--force", "--output", output, *given], check=True, stdout=subprocess.DEVNULL)
            found = interpreter.load(output)
            for name, numbers in expected.items():
                same = found[name].view(np.int32) == np.ascontiguousarray(numbers).view(np.int32)
                equal += int(same.sum())
                if not same.all():
                    at = tuple(int(i) for i in np.argwhere(~same)[0])
                    wrong.setdefault(name, f"{os.path.basename(inputs)} {at}: found {found[name][at]!r}, expected {numbers[at]!r}")
        for name, message in wrong.items():
            print(f"{cpu}: {name}: {message}")
        print(f"{cpu}: {equal} numbers equal, {len(wrong)} cases wrong")


main(*sys.argv[1:])
