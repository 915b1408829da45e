#!/usr/bin/env python3
"""Compares tensors in safetensors files.

    compare.py RESULT:TENSOR REFERENCE:TENSOR [--metric M] [--at-most X | --at-least X]

Metrics: `relative`, max|a-b| / max|b| (default); `absolute`, max|a-b|; `cosine`,
the smallest over the rows of the last dimension; `labels`, how many rows of
RESULT are largest where REFERENCE, integers, says. Prints the value; exits with
status 1 where it is beyond the limit, where shapes differ and where RESULT is
constant or not finite.
"""

import argparse
import array
import json
import math
import struct
import sys

# BF16 and F16 have no code of array; they are not compared here.
CODES = {"F64": "d", "F32": "f", "I64": "q", "I32": "i", "U8": "B"}


def read(spec):
    """Shape and elements of FILE:TENSOR."""
    path, _, name = spec.rpartition(":")
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        if name not in header:
            names = ", ".join(key for key in header if key != "__metadata__")
            sys.exit(f"error: {path} holds no tensor '{name}'; it holds {names}")
        entry = header[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + size + begin)
        values = array.array(CODES[entry["dtype"]])
        values.frombytes(file.read(end - begin))
    return entry["shape"], values


def rows(shape, values):
    width = shape[-1]
    return [values[i : i + width] for i in range(0, len(values), width)]


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("result")
    parser.add_argument("reference")
    parser.add_argument("--metric", choices=["relative", "absolute", "cosine", "labels"], default="relative")
    parser.add_argument("--at-most", type=float)
    parser.add_argument("--at-least", type=float)
    options = parser.parse_args()

    shape, result = read(options.result)
    expected, reference = read(options.reference)
    if options.metric == "labels":
        expected = [*expected, shape[-1]]
    if shape != expected:
        sys.exit(f"error: found shape {shape}, expected {expected}")
    if not all(map(math.isfinite, result)) or len(set(result)) < 2:
        sys.exit("error: the result is constant or not finite")

    if options.metric == "labels":
        value = sum(max(range(len(row)), key=row.__getitem__) == label
                    for row, label in zip(rows(shape, result), reference))
        print(f"labels: {value} of {len(reference)}")
    else:
        if options.metric == "cosine":
            value = min(map(cosine, rows(shape, result), rows(shape, reference)))
        else:
            value = max(abs(x - y) for x, y in zip(result, reference))
            if options.metric == "relative":
                value /= max(map(abs, reference))
        print(f"{options.metric}: {value:.9g}")
    if options.at_most is not None and not value <= options.at_most:
        sys.exit(f"error: expected at most {options.at_most}")
    if options.at_least is not None and not value >= options.at_least:
        sys.exit(f"error: expected at least {options.at_least}")


main()
