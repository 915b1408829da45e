"""Writes what numpy makes of searches for ranges, as JSON.

    ranges_table.py OUTPUT
"""

import json
import pathlib
import sys

import numpy as np


def codes(x, low, high, bits):
    """The numbers of `2^bits` codes from low to high, one of them 0."""
    levels = 2**bits - 1
    scale = (high - low) / levels
    zero = np.rint(-low / scale)
    return (np.clip(np.rint(x / scale) + zero, 0, levels) - zero) * scale


def shrunken(x, bits, steps, norm, dual):
    low, high, best = x.min(), x.max(), None
    for i in range(steps, 0, -1):
        for j in range(steps, 0, -1) if dual else (i,):
            a, b = low * i / steps, high * j / steps
            error = np.mean(np.abs(x - codes(x, a, b, bits)) ** norm)
            if best is None or error < best[2] * (1 - 1e-12):
                best = a, b, error
    return best


def smooth(p):
    p = p / p.sum()
    zeros = p == 0
    p[~zeros] -= 1e-4 * zeros.sum() / (~zeros).sum()
    p[zeros] = 1e-4
    return p


def entropy(x, bits, steps):
    limit = 2.0 ** (np.floor(np.log2(np.abs(x).max())) + 1)
    counts, edges = np.histogram(x, bins=2048, range=(-limit, limit))
    centers, best = (edges[1:] + edges[:-1]) / 2, None
    for i in range(steps, 0, -1):
        a, b = x.min() * i / steps, x.max() * i / steps
        first, last = (min(max(int(np.floor((v + limit) / limit * 1024)), 0), 2047) for v in (a, b))
        inside = counts[first : last + 1].astype(float)
        quantized = codes(centers[first : last + 1], a, b, bits)
        q = np.zeros_like(inside)
        for code in np.unique(quantized):
            bins = (quantized == code) & (inside > 0)
            if bins.any():
                q[bins] = inside[bins].mean()
        p = inside.copy()
        p[0] += counts[:first].sum()
        p[-1] += counts[last + 1 :].sum()
        p, q = smooth(p), smooth(q)
        error = np.sum(p * np.log(p / q)) if (p > 0).all() and (q > 0).all() else np.inf
        if best is None or error < best[2] - 1e-12:
            best = a, b, error
    return best


def main():
    rng = np.random.default_rng(7)
    table = []
    for name, x in {
        "normal": rng.standard_normal(4000),
        "outliers": rng.standard_t(2, 3000),
        "skewed": rng.gamma(1.5, 2.0, 2500) - 0.17,
    }.items():
        quantiles = [0, 1e-4, 0.01, 0.3, 0.5, 0.99, 0.9999, 1]
        table.append(
            {
                "name": name,
                "numbers": x.tolist(),
                "at": quantiles,
                "quantiles": np.quantile(x, quantiles).tolist(),
                "shrunken": [
                    {"bits": bits, "steps": steps, "norm": norm, "dual": dual, "best": shrunken(x, bits, steps, norm, dual)}
                    for bits, steps, norm, dual in ((4, 100, 2, False), (8, 50, 2, False), (3, 80, 2.4, False), (4, 12, 2, True))
                ],
                "entropy": [{"bits": bits, "best": entropy(x, bits, 64)} for bits in (8, 4)],
            }
        )
    pathlib.Path(sys.argv[1]).write_text(json.dumps(table))


main()
