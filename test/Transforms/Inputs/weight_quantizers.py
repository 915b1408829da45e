#!/usr/bin/env python3
# ===- weight_quantizers.py - Methods for weights against numpy -----------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Quantizes a weight by every method and compares with numpy, which follows
what the methods' authors published:

    weight_quantizers.py FOLDER QUENCH QUENCH-OPT

or writes the model alone, with a weight of another size:

    weight_quantizers.py FOLDER OUTxIN
"""

import math
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "Models"))
import tensorfile

OUT, IN, GROUP = 40, 64, 16
DEAD = 5
MODEL = """
module attributes {quench.archives = {m = "weights.safetensors"}} {
  func.func @f(%x: tensor<?xINxf64>) -> tensor<?xOUTxf64> attributes {quench.entry} {
    %w = quench.param <"m"::"w"> : tensor<OUTxINxf64>
    %b = quench.param <"m"::"b"> : tensor<OUTxf64>
    %r = quench.linear %x, %w bias %b
      : (tensor<?xINxf64>, tensor<OUTxINxf64>, tensor<OUTxf64>) -> tensor<?xOUTxf64> loc("layer")
    return %r : tensor<?xOUTxf64>
  }
}
"""


def write(path, tensors, metadata=None):
    tensors = {name: np.ascontiguousarray(t) for name, t in tensors.items()}
    with open(path, "wb") as stream:
        tensorfile.write_header(
            stream, [(name, "F64", t.shape, t.nbytes)
                     for name, t in tensors.items()], metadata)
        for tensor in tensors.values():
            stream.write(tensor.tobytes())


def read(path):
    tensors, _ = tensorfile.load(path)
    return {name: np.array(t.values()).reshape(t.shape)
            for name, t in tensors.items()}


class Grid:
    """A uniform format; scales for each row, or each group of `group`."""

    def __init__(self, bits, asymmetric=False, group=IN, steps=1, norm=2.4):
        self.low, self.high = -2**(bits - 1), 2**(bits - 1) - 1
        if asymmetric:
            self.low, self.high = 0, 2**bits - 1
        self.asymmetric, self.group = asymmetric, group
        self.steps, self.norm = steps, norm
        self.name = (f"#quench.uniform<{'u' if asymmetric else 'i'}{bits},"
                     f"{'asymmetric,' if asymmetric else ''}axis=0"
                     f"{f',group={group}' if group != IN else ''}>")

    def ranged(self, w):
        """The scale and zero point of each row of `w`."""
        if not self.asymmetric:
            scale = np.abs(w).max(1) / self.high
            return scale, np.zeros(len(w))
        low, high = np.minimum(w.min(1), 0), np.maximum(w.max(1), 0)
        scale = (high - low) / self.high
        return scale, np.rint(-low / scale)

    def round(self, w, scale, zero):
        code = np.clip(np.rint(w / scale) + zero, self.low, self.high)
        return (code - zero) * scale

    def search(self, w):
        scale, zero = self.ranged(w)
        best, least = scale, np.full(len(w), math.inf)
        for step in range(self.steps):
            tried = self.ranged(w * (1 - step / 100))[0]
            error = np.abs(self.round(w, tried[:, None], zero[:, None]) - w)
            loss = (error**self.norm).sum(1)
            better = loss < least
            best = np.where(better, tried, best)
            least = np.where(better, loss, least)
        return best, zero

    def groups(self):
        return [slice(i, i + self.group) for i in range(0, IN, self.group)]

    def nearest(self, w, scales=None):
        rounded = np.empty_like(w)
        for index, part in enumerate(self.groups()):
            scale, zero = (self.search(w[:, part]) if scales is None else
                           (scales[:, index], np.zeros(len(w))))
            rounded[:, part] = self.round(w[:, part], scale[:, None],
                                          zero[:, None])
        return rounded


NF4 = np.array([
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1])


class Book(Grid):
    """Numbers from -1 to 1, times scales; `bits` of them are learned, else they are
    those of NF4."""

    def __init__(self, bits=None, group=IN):
        super().__init__(4, group=group)
        self.bits, self.numbers = bits, NF4
        kind = f"learned {bits}" if bits else "nf4"
        self.name = f"#quench.code_book<{kind},axis=0{f',group={group}' if group != IN else ''}>"

    def ranged(self, w):
        return np.abs(w).max(1), np.zeros(len(w))

    def round(self, w, scale, zero):
        middles = (self.numbers[1:] + self.numbers[:-1]) / 2
        return self.numbers[np.searchsorted(middles, w / scale)] * scale

    def learn(self, w, moments=None):
        """C37, by all partitions of the bins."""
        weights, numbers = np.zeros(4096), np.zeros(4096)
        for part in self.groups():
            scale = np.abs(w[:, part]).max(1, keepdims=True)
            t = w[:, part] / scale
            square = scale**2 * (1 if moments is None else moments[part])
            index = np.minimum((t + 1) * 2048, 4095).astype(int)
            np.add.at(weights, index, np.broadcast_to(square, t.shape))
            np.add.at(numbers, index, square * t)
        weights, numbers = weights[weights > 0], numbers[weights > 0]
        w, s = np.cumsum([0, *weights]), np.cumsum([0, *numbers])
        size = len(w)
        with np.errstate(all="ignore"):
            gain = (s[None] - s[:, None])**2 / (w[None] - w[:, None])
        gain[np.tril_indices(size)] = -math.inf
        best, begins = np.where(np.arange(size) == 0, 0.0, -math.inf), []
        for _ in range(2**self.bits):
            total = best[:, None] + gain
            begins.append(total.argmax(0))
            best = total.max(0)
        ends = [size - 1]
        for begin in reversed(begins):
            ends.insert(0, begin[ends[0]])
        self.numbers = np.array([numbers[a:b].sum() / weights[a:b].sum()
                                 for a, b in zip(ends, ends[1:])]).astype(np.float32).astype(np.float64)
        return self


def gptq(w, h, grid, by_activation=False, dynamic=False, damping=0.01):
    """As published: errors spread by the Cholesky factor of the inverse."""
    w, h = w.copy(), h.copy()
    dead = np.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    parameters = [grid.search(w[:, part]) for part in grid.groups()]
    order = np.arange(IN)
    if by_activation:
        order = np.argsort(-np.where(dead, 0, np.diag(h)), kind="stable")
    w, h = w[:, order], h[np.ix_(order, order)]
    h[np.diag_indices(IN)] += damping * np.diag(h).mean()
    u = np.linalg.cholesky(np.linalg.inv(h)).T
    rounded = np.empty_like(w)
    for i in range(IN):
        if dynamic and i % grid.group == 0:
            parameters[i // grid.group] = grid.search(w[:, i:i + grid.group])
        scale, zero = parameters[order[i] // grid.group]
        rounded[:, i] = grid.round(w[:, i], scale, zero)
        error = (w[:, i] - rounded[:, i]) / u[i, i]
        w[:, i:] -= np.outer(error, u[i, i:])
    result = np.empty_like(w)
    result[:, order] = rounded
    return result


def clip(w, gram, grid):
    """AWQ's search of the greatest magnitudes, then the nearest codes."""
    w = w.copy()
    for part in grid.groups():
        block, h = w[:, part], gram[part, part]
        most = np.abs(block).max(1)
        limit, least = most, np.full(len(w), math.inf)
        for step in range(10):
            tried = most * (1 - step / 20)
            clipped = np.clip(block, -tried[:, None], tried[:, None])
            scale, zero = grid.ranged(clipped)
            e = grid.round(clipped, scale[:, None], zero[:, None]) - block
            loss = np.einsum("ri,ij,rj->r", e, h, e)
            limit = np.where(loss < least, tried, limit)
            least = np.minimum(loss, least)
        w[:, part] = np.clip(block, -limit[:, None], limit[:, None])
    return grid.nearest(w)


def between_quantiles(w, grid):
    """RepQ-ViT's search, with ranges that contain 0."""
    best, least = np.empty_like(w), np.full(len(w), math.inf)
    for p in (0.999, 0.9999, 0.99999):
        ends = np.quantile(w, [1 - p, p], axis=1).T
        scale, zero = grid.ranged(ends)
        rounded = grid.round(w, scale[:, None], zero[:, None])
        loss = ((rounded - w)**2).mean(1)
        best[loss < least] = rounded[loss < least]
        least = np.minimum(loss, least)
    return best


def cases(w, stats):
    gram, weighted = stats["layer.input.gram"], stats["layer.input.gram_rsq"]
    cross = stats["layer.input.cross"]
    i4, i3 = Grid(4), Grid(3, steps=80)
    grouped = Grid(4, group=GROUP)
    u4 = Grid(4, asymmetric=True, group=GROUP)
    searched = Grid(4, asymmetric=True, group=GROUP, steps=60, norm=2)
    yield "rtn", i4, i4.nearest(w)
    yield "rtn", u4, u4.nearest(w)
    yield "mse", i3, i3.nearest(w)
    yield "mse steps=60 norm=2", searched, searched.nearest(w)
    whole = Grid(4, asymmetric=True)
    yield "percentile", whole, between_quantiles(w, whole)
    rms = np.sqrt((w.reshape(OUT, -1, GROUP)**2).mean(2))
    yield "quest", grouped, grouped.nearest(w, 0.33860794 * rms)
    yield "awq-clip", grouped, clip(w, gram, grouped)
    yield "awq-clip", u4, clip(w, gram, u4)
    yield "gptq", i4, gptq(w, gram, i4)
    yield "gptq block=7", i4, gptq(w, gram, i4)
    yield "gptq steps=80 damping=0.1", i3, gptq(w, gram, i3, damping=0.1)
    yield "gptq order=activation", grouped, gptq(w, gram, grouped, True)
    yield "gptq groups=dynamic", grouped, gptq(w, gram, grouped, dynamic=True)
    yield ("gptq groups=dynamic steps=60 norm=2", searched,
           gptq(w, gram, searched, dynamic=True))
    yield "gptq order=activation", u4, gptq(w, gram, u4, True)
    yield "rsq", grouped, gptq(w, weighted, grouped)
    alive, diagonal = np.arange(IN) != DEAD, np.diag(gram)
    yield "rtn", Book(group=GROUP), Book(group=GROUP).nearest(w)
    yield "gptq", Book(group=GROUP), gptq(w, gram, Book(group=GROUP))
    book = Book(3, GROUP).learn(w)
    yield "rtn", book, book.nearest(w)
    book = Book(2).learn(w, diagonal)
    yield "sensitivity", book, book.nearest(w)
    book = Book(2).learn(w * alive, diagonal)
    yield "gptq", book, gptq(w, gram, book)
    damped = gram + 0.02 * np.diag(gram).mean() * np.eye(IN)
    moved = w + w @ (cross.T - gram) @ np.linalg.inv(damped)
    yield "erq lambda=0.02", grouped, gptq(moved, gram, grouped)


def write_model(rows, columns):
    """The weight, the bias and the statistics."""
    random = np.random.default_rng(7)
    w = random.normal(size=(rows, columns)) * np.exp(random.normal(size=(rows, 1)))
    b = random.normal(size=rows)
    tokens = 4 * columns
    x = random.normal(size=(tokens, columns)) @ random.normal(
        size=(columns, columns)) + 0.5
    x[:, DEAD] = 0
    q = np.rint(x * 2) / 2
    weights = random.uniform(0.005, 1, size=(tokens, 1))
    stats = {"gram": q.T @ q, "gram_rsq": q.T @ (q * weights),
             "cross": q.T @ x, "mean": q.sum(0)}
    stats = {f"layer.input.{name}": t / tokens for name, t in stats.items()}
    write("weights.safetensors", {"w": w, "b": b})
    write("stats.safetensors", stats,
          {"format": "quench-statistics", "version": "1"})
    with open("model.mlir", "w") as stream:
        stream.write(MODEL.replace("OUT", str(rows)).replace("IN", str(columns)))
    return w, b, stats


def main():
    folder, *tools = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    if len(tools) == 1:
        write_model(*map(int, tools[0].split("x")))
        return
    quench, opt = tools
    w, b, stats = write_model(OUT, IN)

    def run(text, grid):
        method, *words = text.split()
        options = f"{{{','.join(words)}}}" if words else ""
        subprocess.run(
            [opt, "model.mlir", "-o", "quantized.mlir",
             "--quench-bind-archive=scope=stats file=stats.safetensors",
             "--quench-assign-formats=quantize-head "
             f"rules='*={grid.name} roles=weight method={method}{options}'",
             "--quench-materialize-quantizers"], check=True)
        subprocess.run([quench, "materialize", "quantized.mlir", "-o",
                        "packed.mlir", "--force"], check=True)
        tensors = read("packed.safetensors")
        return (next(t for t in tensors.values() if t.ndim == 2),
                next(t for t in tensors.values() if t.ndim == 1))

    for text, grid, expected in cases(w, stats):
        for bias in ("none", "mean") if text == "gptq" else ("none",):
            words = text if bias == "none" else f"{text} bias={bias}"
            found, offset = run(words, grid)
            wrong = np.abs(found - expected).max() / np.abs(expected).max()
            if bias == "mean":
                mean = stats["layer.input.mean"]
                wrong += np.abs(offset - b - (w - expected) @ mean).max()
            # Constants of QuEST have six digits.
            good = wrong < (1e-5 if text == "quest" else 1e-12)
            print(f"{words}, {grid.name}: " +
                  ("ok" if good else f"WRONG by {wrong}"))
    e = lambda q: np.einsum("ri,ij,rj->", w - q, stats["layer.input.gram"], w - q)
    i4 = Grid(4)
    print("gptq loses", e(run("gptq", i4)[0]) / e(run("rtn", i4)[0]))


if __name__ == "__main__":
    main()
