#!/usr/bin/env python3
"""Prints what statistics archives hold, and checks that it fits together.

usage: statistics.py FILE [OTHER]
"""

import json
import math
import struct
import sys


def load(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = struct.unpack(f"<{(end - begin) // 8}d", data[begin:end])
        tensors[name] = (entry["shape"], values)
    return metadata, tensors


def near(a, b, tolerance=1e-9):
    return abs(a - b) <= tolerance * max(1, abs(a), abs(b))


def check(site, tensors):
    """Whether the statistics of `site` can be those of one set of numbers."""
    get = lambda what: tensors[f"{site}.{what}"][1]
    below = lambda a, b: a <= b or near(a, b)
    return all(
        below(low, mean)
        and below(mean, high)
        and top == max(abs(low), abs(high))
        and below(abs(mean), size)
        and below(size, top)
        for low, high, mean, size, top in zip(
            get("min"), get("max"), get("mean"), get("mean_abs"), get("absmax")
        )
    )


def main():
    metadata, tensors = load(sys.argv[1])
    print("format", metadata["format"])
    print("version", metadata["version"])
    for name, (shape, values) in tensors.items():
        site, what = name.rsplit(".", 1)
        if not all(map(math.isfinite, values)):
            sys.exit(f"error: {name} is not finite")
        if what == "count":
            fits = "consistent" if check(site, tensors) else "INCONSISTENT"
            print(f"{site} {tensors[site + '.min'][0]} of {int(values[0])} vectors, {fits}")
        if what == "quantiles":
            total = tensors[site + ".count"][1][0] * tensors[site + ".min"][0][0]
            low, high = tensors[site + ".extent"][1]
            fits = sum(values) == sum(tensors[site + ".histogram"][1]) == total
            fits &= low == min(tensors[site + ".min"][1]) and high == max(tensors[site + ".max"][1])
            print(f"{site} distribution {'consistent' if fits else 'INCONSISTENT'}")
        if what in ("gram", "covariance"):
            n = shape[-1]
            fits = all(near(values[i * n + j], values[j * n + i]) for i in range(n) for j in range(n))
            fits &= all(values[i * n + i] >= 0 for i in range(n))
            print(f"{name} {shape} {'consistent' if fits else 'INCONSISTENT'}")
        if what == "qsur":
            # At most the ball in its cube.
            n = tensors[site + ".covariance"][0][-1]
            bound = math.sqrt(math.pi) / 2 * math.exp(-math.lgamma(n / 2 + 1) / n)
            fits = all(0 <= value < bound for value in values)
            print(f"{name} {shape} {'consistent' if fits else 'INCONSISTENT'}")
    if len(sys.argv) > 2:
        other = load(sys.argv[2])
        assert other[0] == metadata and other[1].keys() == tensors.keys()
        for name, (_, values) in tensors.items():
            what, others = name.rsplit(".", 1)[1], other[1][name][1]
            # Moving averages count runs; a number may fall into the next bin.
            if what in ("quantiles", "histogram"):
                values, others = [[sum(v)] for v in (values, others)]
            elif what.startswith("moving"):
                continue
            for a, b in zip(values, others):
                if not near(a, b, 1e-5):
                    sys.exit(f"error: {name}: {a} and {b}")
        print("equal to 1e-5")


if __name__ == "__main__":
    main()
