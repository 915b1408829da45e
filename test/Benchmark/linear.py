#!/usr/bin/env python3
"""Speed of linears with packed weights, as ratios to the ceilings of the machine.

Usage: linear.py [--quench quench] [--size 4096] [--layers 64] [--rows 1 4 128 512]
                 [--schemes W4A8/128 ...] [--rounds 7] [--work FOLDER]

A scheme is W4A8, W8A8, W4A16 or W8A16, then the size of a group; none is one
scale for a channel. Few rows, up to 8, go through a chain of `--layers` linears
that no cache holds, so the weights come from memory: the figure is the bandwidth
of all that the weights are, codes, scales and sums, in parts of the bandwidth of
reading memory and of reading a file of that size. More rows go through one
linear: the figure is the rate of products in parts of that of `vpdpbusd` or, with
floats, of FMA. Ceilings are measured before and after each round, in turn; prints
one markdown table. Needs numpy and clang.
"""

import argparse
import json
import pathlib
import re
import statistics
import struct
import subprocess
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--quench", default="quench")
parser.add_argument("--size", type=int, default=4096)
parser.add_argument("--layers", type=int, default=64)
parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 128, 512])
parser.add_argument("--schemes", nargs="+", default=["W4A8/128", "W4A8/32", "W4A16/128", "W8A16/128"])
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--clang", default="clang-22")
parser.add_argument("--work", help="keep the programs here for the next run")
arguments = parser.parse_args()
work = pathlib.Path(arguments.work or tempfile.mkdtemp())
work.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(5)


def write_archive(path, tensors):
    """`tensors` are (name, dtype, array)."""
    header, at = {}, 0
    for name, dtype, array in tensors:
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for _, _, array in tensors:
            stream.write(array.tobytes())


def parse(scheme):
    bits, activations, group = re.fullmatch(r"W([48])A(8|16)(?:/(\d+))?", scheme).groups()
    return int(bits), int(activations), int(group or 0)


def build(scheme, layers):
    """The program of a chain of `layers` linears."""
    program = work / f"{scheme.replace('/', '-')}-{arguments.size}x{layers}"
    if program.exists():
        return program
    bits, activations, group = parse(scheme)
    n, groups = arguments.size, arguments.size // (group or arguments.size)
    shape = [n, groups] if group else [n]
    text = f"#quench.uniform<i{bits}, axis = 0{f', group = {group}' if group else ''}>"
    dims = "x".join(map(str, shape))
    tensors, lines = [], []
    for i in range(layers):
        high = 1 << (bits - 1)
        tensors.append((f"w{i}", "I8", random.integers(-high, high, (n, n), np.int8)))
        tensors.append((f"s{i}", "F32", random.uniform(0.5, 1, shape).astype(np.float32) * 2 / high / np.sqrt(n)))
        x = f"%y{i - 1}" if i else "%x"
        lines += [
            f'%w{i} = quench.param <"m"::"w{i}"> : tensor<{n}x{n}xi8>',
            f'%s{i} = quench.param <"m"::"s{i}"> : tensor<{dims}xf32>',
            f"%d{i} = quench.dequantize %w{i}, %s{i} by({text}) : (tensor<{n}x{n}xi8>, tensor<{dims}xf32>) -> tensor<{n}x{n}xf32>",
        ]
        if activations == 8:
            lines += [
                f"%t{i} = quench.dynamic_scale {x} by(#quench.uniform<i8, token>) : (tensor<?x{n}xf32>) -> tensor<?xf32>",
                f"%f{i} = quench.fake_quant {x}, %t{i} by(#quench.uniform<i8, token>) : (tensor<?x{n}xf32>, tensor<?xf32>) -> tensor<?x{n}xf32>",
            ]
            x = f"%f{i}"
        lines.append(f"%y{i} = quench.linear {x}, %d{i} : (tensor<?x{n}xf32>, tensor<{n}x{n}xf32>) -> tensor<?x{n}xf32>")
    tensors.sort(key=lambda tensor: tensor[1])
    write_archive(work / "m.safetensors", tensors)
    rows = 'quench.dims = ["rows"]'
    (work / "m.mlir").write_text(
        'module @m attributes {quench.archives = {m = "m.safetensors"}, quench.symbols = {rows = [1]}} {\n'
        f'  func.func @f(%x: tensor<?x{n}xf32> {{quench.name = "x", {rows}}})'
        f' -> (tensor<?x{n}xf32> {{quench.name = "y", {rows}}}) attributes {{quench.entry}} {{\n    '
        + "\n    ".join(lines)
        + f"\n    return %y{layers - 1} : tensor<?x{n}xf32>\n  }}\n}}\n"
    )
    subprocess.run([arguments.quench, "build", work / "m.mlir", "-o", program, "--force"], check=True, stdout=subprocess.DEVNULL)
    (work / "m.safetensors").unlink()
    return program


def measure(program, rows, calls):
    """Median seconds of a call."""
    path = work / f"x{rows}.safetensors"
    if not path.exists():
        write_archive(path, [("x", "F32", random.standard_normal((rows, arguments.size), np.float32))])
    command = [program, "--threads", str(arguments.threads), "--input", f"x={path}", "--bench", str(calls)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"median\s*:?\s*([0-9.]+)\s*ms", text).group(1)) * 1e-3


def measure_ceilings(file):
    text = subprocess.run([work / "ceilings", file], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value, _ in map(str.split, text.splitlines())}


subprocess.run([arguments.clang, "-O2", "-march=native", HERE / "ceilings.c", "-o", work / "ceilings"], check=True)
cases = []
for scheme in arguments.schemes:
    for rows in arguments.rows:
        cases.append((scheme, rows, build(scheme, arguments.layers if rows <= 8 else 1)))

results = {case: [] for case in cases}
everything = []
for _ in range(arguments.rounds):
    for case in cases:
        scheme, rows, program = case
        few = rows <= 8
        file = program if few else work / "ceilings"
        before = measure_ceilings(file)
        seconds = measure(program, rows, 3 if few else 11)
        after = measure_ceilings(file)
        everything += [before, after]
        peak = {name: max(before[name], after[name]) for name in before}
        if few:
            rate = program.stat().st_size / seconds / 1e9
            ratios = [rate / peak["memory"], rate / peak["file"]]
            seconds /= arguments.layers
        else:
            rate = 2 * rows * arguments.size**2 / seconds / 1e9
            ratios = [rate / peak["bytes" if parse(scheme)[1] == 8 else "floats"], 0]
        results[case].append((seconds, rate, *ratios))

print("| scheme | rows | us a linear | rate | of | ratio (least..most) | of reading a file |")
print("|---|---|---|---|---|---|---|")
for (scheme, rows, _), rounds in results.items():
    seconds, rate, ratio, other = (statistics.median(values) for values in zip(*rounds))
    few = rows <= 8
    ceiling = "memory" if few else "vpdpbusd" if parse(scheme)[1] == 8 else "FMA"
    least, most = min(r[2] for r in rounds), max(r[2] for r in rounds)
    print(f"| {scheme} | {rows} | {seconds * 1e6:.0f} | {rate:.4g} {'GB/s' if few else 'Gop/s'} | {ceiling} "
          f"| {ratio:.2f} ({least:.2f}..{most:.2f}) | {f'{other:.2f}' if few else ''} |")
names = everything[0].keys()
print("\nCeilings, median of all:", ", ".join(f"{name} {statistics.median(c[name] for c in everything):.1f}" for name in names))
