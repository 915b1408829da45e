"""Statistics of sites of quantizers, next to what numpy makes of the same model.

    sites.py data X.npy           the data, for attention.mlir
    sites.py check FILE X.npy LENGTH WEIGHTING LEAST SAMPLES
                                  compares FILE with numpy, where the examples ran
                                  LENGTH at a time
    sites.py quantized FILE X.npy compares FILE, of quantized.mlir, with numpy
    sites.py vector FILE.json     the reference itself, next to published numbers
"""

import json
import struct
import sys

import numpy as np

HALF = 2560


def load(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__")
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])]).reshape(entry["shape"])
            for name, entry in header.items()}


def split_mix(seed, index):
    mask = 2**64 - 1
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    return z ^ (z >> 31)


def noise(seed, shape):
    """What quench.noise makes: the highest 24 bits of SplitMix64."""
    numbers = [(split_mix(seed, index) >> 40) / 2**23 - 1 for index in range(int(np.prod(shape)))]
    return np.array(numbers).reshape(shape)


def sample(runs, count):
    """`count` parts of those that runs give: the least of numbers drawn for each."""
    drawn = []
    for parts in runs:
        for index in sorted({i * len(parts) // count for i in range(count)}):
            drawn.append((split_mix(0x5A3B1E, len(drawn)) >> 11, len(drawn), parts[index]))
    return np.array([part for _, _, part in sorted(drawn, key=lambda entry: entry[:2])[:count]])


def softmax(scores):
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def received(probabilities, least):
    """The attention that tokens receive, [B, H, T, L] to [B, L], from least to 1."""
    r = probabilities.sum((1, 2))
    low, high = r.min(1, keepdims=True), r.max(1, keepdims=True)
    return least + (r - low) / (high - low) * (1 - least)


def weighted(x, r, form):
    w = r / r.mean(1, keepdims=True) if form == "linear" else r**2
    return np.einsum("bt,bti,btj->ij", w, x, x)


def bins(x):
    """The bin of a sketch for each number."""
    a = np.abs(x)
    mantissa, exponent = np.frexp(a)
    place = (exponent - 1 + 24) * 64 + np.floor((mantissa * 2 - 1) * 64).astype(int) + 1
    place = np.where(a < 2.0**-24, 0, np.clip(place, 0, HALF))
    return np.where(x < 0, HALF - place, HALF + place)


def pad(x, sizes):
    """Zeros behind the second and further dimensions."""
    return np.pad(x, [(0, 0)] + [(0, max(0, a - b)) for a, b in zip(sizes, x.shape[1:])])


class Checker:
    def __init__(self, path, step):
        self.found, self.step = load(path), step

    def sample(self, name, x, count):
        runs = [x[begin:begin + self.step] for begin in range(0, len(x), self.step)]
        if x.ndim == 3 and name.endswith("input"):
            runs = [run.reshape(-1, run.shape[-1]) for run in runs]
        expected = sample(runs, count)
        if self.found[f"{name}.sample"].shape != expected.shape:
            sys.exit(f"{name}: a sample of {self.found[f'{name}.sample'].shape}, not {expected.shape}")
        self.equal(f"{name}.sample", expected)

    def equal(self, name, expected, tolerance=1e-5):
        found = self.found[name]
        expected = np.asarray(expected, float).reshape(found.shape)
        error = np.abs(found - expected).max() / max(1, np.abs(expected).max())
        if not error <= tolerance:
            print(f"{name}: off by {error}")
            sys.exit(1)

    def site(self, name, x, channels):
        """`x` has the examples first, and as many channels last."""
        rows = x.reshape(-1, channels)
        self.equal(f"{name}.min", rows.min(0))
        self.equal(f"{name}.max", rows.max(0))
        self.equal(f"{name}.absmax", np.abs(rows).max(0))
        self.equal(f"{name}.mean", rows.mean(0))
        self.equal(f"{name}.mean_abs", np.abs(rows).mean(0))
        self.equal(f"{name}.count", [len(rows)], 0)
        tokens = np.abs(rows).max(1)
        self.equal(f"{name}.token_absmax", [tokens.min(), tokens.mean(), tokens.max()])
        self.equal(f"{name}.extent", [rows.min(), rows.max()])
        moving = None
        for begin in range(0, len(x), self.step):
            part = x[begin:begin + self.step].reshape(-1, channels)
            now = np.stack([part.min(0), part.max(0)])
            moving = now if moving is None else moving + (now - moving) / 100
        self.equal(f"{name}.moving_min", moving[0])
        self.equal(f"{name}.moving_max", moving[1])
        # Numbers that kernels round otherwise may fall into the next bin.
        limit = 2.0 ** (np.floor(np.log2(np.abs(rows).max())) + 1)
        for what, expected in (("quantiles", np.bincount(bins(rows).ravel(), minlength=2 * HALF + 1)),
                               ("histogram", np.histogram(rows, 2048, (-limit, limit))[0])):
            found = self.found[f"{name}.{what}"]
            moved = np.abs(np.cumsum(found) - np.cumsum(expected)).max()
            if found.sum() != rows.size or moved > max(4, rows.size / 200):
                print(f"{name}.{what}: {found.sum()} of {rows.size}, {moved} elsewhere")
                sys.exit(1)


def check(path, data, step, form, least, samples):
    x = np.load(data).astype(float)
    wq, wk, wv, wo = (noise(seed, (8, 8)) for seed in (1, 2, 3, 4))
    q, k, v = ((x @ w.T).reshape(*x.shape[:2], 2, 4) for w in (wq, wk, wv))
    scores = np.einsum("bthd,blhd->bhtl", q, k) / 2
    tokens = x.shape[1]
    scores[..., np.triu(np.ones((tokens, tokens), bool), 1)] = -np.inf
    p = softmax(scores)
    a = np.einsum("bhtl,blhd->bthd", p, v).reshape(x.shape)
    checker = Checker(path, step)
    layer = "layers.0.attn"
    for name, value in (("q.input", x), ("query", q), ("key", k), ("value", v), ("o.input", a)):
        checker.site(f"{layer}.{name}", value, 8)
    checker.site(f"{layer}.probabilities", p.transpose(0, 2, 3, 1), 2)
    part = p.sum(2).max(2) / p.sum((2, 3))
    checker.equal(f"{layer}.probabilities.concentration", part.mean(0))
    r = received(p, least)
    for name, value in (("q.input", x), ("o.input", a)):
        rows = value.reshape(-1, 8)
        checker.equal(f"{layer}.{name}.gram", rows.T @ rows / len(rows))
        checker.equal(f"{layer}.{name}.gram_rsq", weighted(value, r, form) / len(rows))
    sequences = -(-samples // 64)
    for name, value in (("q.input", x), ("o.input", a)):
        checker.sample(f"{layer}.{name}", value, samples)
    for name, value in (("query", q), ("key", k), ("value", v)):
        checker.sample(f"{layer}.{name}", pad(value.reshape(x.shape), [64, 8]), sequences)
    checker.sample(f"{layer}.probabilities", pad(p, [2, 64, 64]), sequences)
    print("as numpy has it")


def quantized(path, data):
    x = np.load(data).astype(float)
    rows = x.reshape(-1, 8)
    read = np.clip(np.rint(rows * 4), -8, 7) / 4
    checker = Checker(path, 8)
    for what, expected in (("mean", read.mean(0)), ("gram", read.T @ read / len(rows)),
                           ("cross", read.T @ rows / len(rows)), ("max", rows.max(0)),
                           ("absmax", np.abs(rows).max(0))):
        checker.equal(f"up.input.{what}", expected)
    print("as numpy has it")


def vector(path):
    data = json.loads(open(path).read())
    rsq = data["rsq"]
    x = np.array(data["X"] if "X" in data else rsq["X"])
    p = np.array(rsq["attn"])
    p = p.reshape(-1, *p.shape[-3:]) if p.ndim == 4 else p
    r = received(p, rsq["r_min"])
    assert np.allclose(r, rsq["r"], atol=1e-12)
    x = x.reshape(*r.shape, -1)
    for form, key in (("linear", "H_code(w=r/mean r, linear)"), ("squared", "H_paper(2 X R^2 X^T)")):
        h = 2 / len(r) * weighted(x, r, form)
        assert np.allclose(h, rsq[key], atol=1e-9), key
    print("as published")


if sys.argv[1] == "data":
    rng = np.random.default_rng(5)
    np.save(sys.argv[2], rng.standard_t(4, (24, 6, 8)).astype(np.float32))
elif sys.argv[1] == "check":
    check(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], float(sys.argv[6]), int(sys.argv[7]))
elif sys.argv[1] == "quantized":
    quantized(sys.argv[2], sys.argv[3])
else:
    vector(sys.argv[2])
