"""Runs decomposed model ops and compares them with plain Python.

    numerics.py QUENCH_OPT MLIR_RUNNER LIBRARIES DTYPE...

Every case is one op on tensors of dynamic shape. The reference computes in
double precision on the inputs as the type rounds them; the compiled code
computes the largest difference itself, so that no digits are lost in printing.
"""

import math
import os
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
import formats  # noqa: E402

INF = math.inf

# The largest error allowed, relative to max(1, largest expected number).
TOLERANCE = {"f64": 1e-13, "f32": 3e-6, "f16": 3e-3, "bf16": 3e-2}

PASSES = [
    "--quench-lower-to-linalg",
    "--one-shot-bufferize=bufferize-function-boundaries",
    "--convert-linalg-to-loops",
    "--convert-scf-to-cf",
    "--quench-expand-reshapes",
    "--expand-strided-metadata",
    "--lower-affine",
    "--arith-expand=include-bf16=true",
    "--convert-math-to-llvm",
    "--convert-math-to-libm",
    "--convert-vector-to-llvm",
    "--finalize-memref-to-llvm",
    "--convert-arith-to-llvm",
    "--convert-index-to-llvm",
    "--convert-cf-to-llvm",
    "--convert-func-to-llvm",
    "--reconcile-unrealized-casts",
]


class Tensor:
    """A dense row-major tensor of floats of the type that is tested, or of elements of type `itype`."""

    def __init__(self, shape, data, itype=None):
        self.shape, self.data, self.itype = tuple(shape), list(data), itype
        assert len(self.data) == math.prod(shape)

    def __getitem__(self, index):
        flat = 0
        for i, size in zip(index, self.shape, strict=True):
            assert 0 <= i < size
            flat = flat * size + i
        return self.data[flat]


def build(shape, function):
    """The tensor of `function(*index)`."""
    data, index = [], [0] * len(shape)
    for _ in range(math.prod(shape)):
        data.append(function(*index))
        for axis in reversed(range(len(shape))):
            index[axis] += 1
            if index[axis] < shape[axis]:
                break
            index[axis] = 0
    return Tensor(shape, data)


def round_to(dtype, value):
    if dtype == "f64" or math.isinf(value):
        return value
    if dtype == "bf16":
        bits = struct.unpack("<I", struct.pack("<f", value))[0]
        bits += 0x7FFF + ((bits >> 16) & 1)
        return struct.unpack("<f", struct.pack("<I", bits & 0xFFFF0000))[0]
    code = {"f32": "<f", "f16": "<e"}[dtype]
    return struct.unpack(code, struct.pack(code, value))[0]


class Random:
    def __init__(self, dtype):
        self.dtype, self.state = dtype, 12345

    def next(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) / 2**31

    def tensor(self, *shape, low=-1.0, high=1.0):
        return build(shape, lambda *_: round_to(self.dtype, low + (high - low) * self.next()))

    def values(self, *values):
        return Tensor([len(values)], [round_to(self.dtype, v) for v in values])

    def ints(self, high, *shape):
        tensor = build(shape, lambda *_: int(self.next() * high))
        tensor.itype = "i64"
        return tensor


# -- References ---------------------------------------------------------------


def linear(x, w, b=None):
    *rows, k = x.shape
    return build([*rows, w.shape[0]], lambda *i: math.fsum(
        [x[(*i[:-1], j)] * w[(i[-1], j)] for j in range(k)] + [b[(i[-1],)] if b else 0]))


def row_map(x, function):
    """Applies `function` to every row."""
    n, data = x.shape[-1], []
    for start in range(0, len(x.data), n):
        data += function(x.data[start:start + n])
    return Tensor(x.shape, data)


def softmax(row, zeta=None, gamma=None):
    top = max(row)
    if top == -INF:
        weights = [0.0] * len(row)
    else:
        exps = [math.exp(v - top) for v in row]
        weights = [e / math.fsum(exps) for e in exps]
    if zeta is not None:
        weights = [min(max((zeta - gamma) * w + gamma, 0), 1) for w in weights]
    return weights


def layer_norm(row, eps, gamma=None, beta=None):
    n = len(row)
    mean = math.fsum(row) / n
    inverse = 1 / math.sqrt(math.fsum((v - mean) ** 2 for v in row) / n + eps)
    return [(v - mean) * inverse * (gamma.data[i] if gamma else 1) + (beta.data[i] if beta else 0)
            for i, v in enumerate(row)]


def rms_norm(row, eps, gamma=None):
    inverse = 1 / math.sqrt(math.fsum(v * v for v in row) / len(row) + eps)
    return [v * inverse * (gamma.data[i] if gamma else 1) for i, v in enumerate(row)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def gelu_tanh(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu_erf(x):
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def attention(q, k, v, scale, mask=None, bias=None, causal=False, window=None,
              groups=None, zeta=None, gamma=None):
    return weighted(probabilities(q, k, scale, mask, bias, causal, window, groups, zeta, gamma), v, groups)


def weighted(weights, v, groups=None):
    (B, H, T, L), G = weights.shape, v.shape[2]
    groups = groups or [h // (H // G) for h in range(H)]
    return build([B, T, H, v.shape[3]], lambda b, t, h, e: math.fsum(
        weights[b, h, t, l] * v[b, l, groups[h], e] for l in range(L)))


def probabilities(q, k, scale, mask=None, bias=None, causal=False, window=None,
                  groups=None, zeta=None, gamma=None):
    B, T, H, D = q.shape
    L, G = k.shape[1], k.shape[2]
    groups = groups or [h // (H // G) for h in range(H)]
    weights = {}
    for b in range(B):
        for h in range(H):
            for t in range(T):
                row = []
                for l in range(L):
                    s = scale * math.fsum(q[b, t, h, d] * k[b, l, groups[h], d] for d in range(D))
                    if bias:
                        s += bias[(b, h, t, l)[4 - len(bias.shape):]]
                    place = L - T + t
                    hidden = (mask is not None and mask[b, l] == 0) or (causal and l > place) or (
                        window is not None and l <= place - window)
                    row.append(-INF if hidden else s)
                weights[b, h, t] = softmax(row, zeta, gamma)
    return build([B, H, T, L], lambda b, h, t, l: weights[b, h, t][l])


def distribution(x):
    """The sketch and the histogram of `x`, and where the latter ends."""
    half, sketch, counts = 2560, [0] * 5121, [0] * 2048
    most = max(map(abs, x.data))
    limit = max(math.frexp(most)[1], -64) if most else -64
    for v in x.data:
        place = 0
        if abs(v) >= 2.0**-24:
            mantissa, exponent = math.frexp(abs(v))
            place = min((exponent + 23) * 64 + int((mantissa * 2 - 1) * 64) + 1, half)
        sketch[half - place if v < 0 else half + place] += 1
        counts[1024 + math.floor(v * 2.0 ** (10 - limit))] += 1
    return [Tensor((len(data),), data, "i64") for data in (sketch, counts, [limit])]


def rope(x, cos, sin, interleaved):
    R = cos.shape[1]

    def value(b, t, h, d):
        if d >= 2 * R:
            return x[b, t, h, d]
        pair, second = (d // 2, d % 2) if interleaved else (d % R, d // R)
        first = x[b, t, h, 2 * pair if interleaved else pair]
        other = x[b, t, h, 2 * pair + 1 if interleaved else pair + R]
        c, s = cos[t, pair], sin[t, pair]
        return other * c + first * s if second else first * c - other * s

    return build(x.shape, value)


def conv2d(x, w, b, strides, padding, groups):
    B, C, H, W = x.shape
    O, I, KH, KW = w.shape
    oh = (H + 2 * padding[0] - KH) // strides[0] + 1
    ow = (W + 2 * padding[1] - KW) // strides[1] + 1

    def value(n, o, i, j):
        terms = [b[(o,)] if b else 0]
        for c in range(I):
            for y in range(KH):
                for z in range(KW):
                    r, s = i * strides[0] + y - padding[0], j * strides[1] + z - padding[1]
                    if 0 <= r < H and 0 <= s < W:
                        terms.append(x[n, o // (O // groups) * I + c, r, s] * w[o, c, y, z])
        return math.fsum(terms)

    return build([B, O, oh, ow], value)


def im2col(x, kernel, strides, padding):
    B, H, W, C = x.shape
    oh, ow = ((n + 2 * pad - k) // s + 1 for n, pad, k, s in zip((H, W), padding, kernel, strides))

    def value(n, i, j, k):
        tap, c = divmod(k, C)
        r, s = i * strides[0] + tap // kernel[1] - padding[0], j * strides[1] + tap % kernel[1] - padding[1]
        return x[n, r, s, c] if 0 <= r < H and 0 <= s < W else 0.0

    return build([B, oh, ow, kernel[0] * kernel[1] * C], value)


def depthwise(x, w, b, strides, padding):
    C, KH, KW = w.shape
    rows = im2col(x, (KH, KW), strides, padding)
    return build([*rows.shape[:3], C], lambda n, i, j, c: math.fsum(
        [b[(c,)] if b else 0] + [rows[n, i, j, t * C + c] * w[c, t // KW, t % KW] for t in range(KH * KW)]))


def unfold(x, p, q):
    B, H, W, C = x.shape
    w = W // q
    return build([B * p * q, H // p * w, C], lambda n, t, c: x[
        n // (p * q), t // w * p + n // q % p, t % w * q + n % q, c])


def patches(x, p, q):
    B, C, H, W = x.shape
    h, w = H // p, W // q
    return build([B, h * w, C * p * q], lambda b, t, k: x[
        b, k // (p * q), t // w * p + k // q % p, t % w * q + k % q])


def causal_conv(x, w, b, state):
    B, T, C = x.shape
    K = w.shape[1]

    def at(n, t, c):
        if t >= 0:
            return x[n, t, c]
        return state[n, t + K - 1, c] if state else 0.0

    y = build(x.shape, lambda n, t, c: (b[(c,)] if b else 0) + math.fsum(
        w[c, k] * at(n, t - K + 1 + k, c) for k in range(K)))
    return y, build([B, K - 1, C], lambda n, k, c: at(n, T - K + 1 + k, c))


def scan(u, delta, a, b, c, d, state):
    B, T, C = u.shape
    S = a.shape[1]
    h = {(n, i, s): state[n, i, s] if state else 0.0
         for n in range(B) for i in range(C) for s in range(S)}
    y = {}
    for n in range(B):
        for t in range(T):
            for i in range(C):
                for s in range(S):
                    h[n, i, s] = math.exp(delta[n, t, i] * a[i, s]) * h[n, i, s] + (
                        delta[n, t, i] * u[n, t, i] * b[n, t, s])
                y[n, t, i] = math.fsum(h[n, i, s] * c[n, t, s] for s in range(S)) + (
                    d[(i,)] * u[n, t, i] if d else 0)
    return build(u.shape, lambda *i: y[i]), build([B, C, S], lambda *i: h[i])


def pool(x, kind, mask=None):
    B, T, C = x.shape

    def value(b, c):
        rows = [x[b, t, c] for t in range(T) if mask is None or mask[b, t] != 0]
        if not rows:
            return 0.0
        return {"mean": lambda: math.fsum(rows) / len(rows), "max": lambda: max(rows),
                "first": lambda: rows[0], "last": lambda: rows[-1]}[kind]()

    return build([B, C], value)


def window_partition(x, window, shift):
    B, H, W, C = x.shape
    nh, nw = -(-H // window), -(-W // window)

    def value(n, k, c):
        b, tile = divmod(n, nh * nw)
        i = (tile // nw * window + k // window + shift) % (nh * window)
        j = (tile % nw * window + k % window + shift) % (nw * window)
        return x[b, i, j, c] if i < H and j < W else 0.0

    return build([B * nh * nw, window * window, C], value)


# -- Cases --------------------------------------------------------------------


def hadamard(order):
    """The signs of the matrix of order 2^m or, after Paley, 12 2^m."""
    if order % 3:
        return [[(-1) ** bin(i & j).count("1") for j in range(order)] for i in range(order)]
    squares = {i * i % 11 for i in range(1, 11)}
    paley = [[1 if i in (0, j) or (j and (j - i) % 11 in squares) else -1 for j in range(12)] for i in range(12)]
    rest = hadamard(order // 12)
    return [[a * b for a in left for b in right] for left in paley for right in rest]


def online_hadamard(x, order, transposed):
    signs = hadamard(order)

    def rotate(row):
        return [math.fsum(row[first + k] * (signs[j][k] if transposed else signs[k][j]) for k in range(order))
                / math.sqrt(order) for first in range(0, len(row), order) for j in range(order)]

    return row_map(x, rotate)


def cases(dtype):
    """Yields (text, inputs, results). In the text, {0} and %0 stand for the type
    and the value of input 0, {r0} for the type of result 0."""
    rnd = Random(dtype)
    x = rnd.tensor(2, 3, 5)
    w, b = rnd.tensor(7, 5), rnd.tensor(7)
    yield "quench.linear %0, %1 bias %2 : ({0}, {1}, {2}) -> {r0}", [x, w, b], [linear(x, w, b)]
    yield "quench.linear %0, %1 : ({0}, {1}) -> {r0}", [x, w], [linear(x, w)]
    v = rnd.tensor(5)
    yield "quench.linear %0, %1 bias %2 : ({0}, {1}, {2}) -> {r0}", [v, w, b], [linear(v, w, b)]
    m = rnd.tensor(9, 5)
    yield "quench.linear %0, %1 bias %2 : ({0}, {1}, {2}) -> {r0}", [m, w, b], [linear(m, w, b)]

    lhs, rhs = rnd.tensor(2, 3, 5), rnd.tensor(2, 5, 4)
    yield "quench.matmul %0, %1 : ({0}, {1}) -> {r0}", [lhs, rhs], [build(
        [2, 3, 4], lambda n, i, j: math.fsum(lhs[n, i, k] * rhs[n, k, j] for k in range(5)))]
    left, right = rnd.tensor(2, 5, 3), rnd.tensor(2, 4, 5)
    yield "quench.matmul %0, %1 {{transpose_a, transpose_b}} : ({0}, {1}) -> {r0}", [left, right], [build(
        [2, 3, 4], lambda n, i, j: math.fsum(left[n, k, i] * right[n, j, k] for k in range(5)))]

    s = rnd.tensor(3, 5)
    yield "quench.add %0, %1 residual : ({0}, {1}) -> {r0}", [x, s], [
        build(x.shape, lambda i, j, k: x[i, j, k] + s[j, k])]
    yield "quench.mul %0, %1 : ({0}, {1}) -> {r0}", [x, s], [
        build(x.shape, lambda i, j, k: x[i, j, k] * s[j, k])]

    wide = rnd.values(-60000.0, -300.0, -9.0, -2.5, -0.3, -1e-4, 0.0, 1e-4, 0.7, 3.0, 20.0, 300.0, 60000.0)
    small = rnd.values(-20.0, -1.0, 0.0, 0.5, 2.0)

    def elementwise(text, function, *inputs):
        return text, list(inputs), [build(inputs[0].shape, lambda i: function(*(t[(i,)] for t in inputs)))]

    yield elementwise("quench.relu %0 : {0}", lambda t: max(t, 0.0), wide)
    yield elementwise("quench.tanh %0 : {0}", math.tanh, wide)
    yield elementwise("quench.softplus %0 : {0}", softplus, wide)
    yield elementwise("quench.exp %0 : {0}", math.exp, small)
    yield elementwise("quench.neg %0 : {0}", lambda t: -t, wide)
    yield elementwise("quench.gelu %0 by erf : {0}", gelu_erf, wide)
    yield elementwise("quench.gelu %0 by tanh : {0}", gelu_tanh, wide)
    yield elementwise("quench.gelu %0 by sigmoid : {0}", lambda t: t * sigmoid(1.702 * t), wide)
    yield elementwise("quench.silu %0 : {0}", lambda t: t * sigmoid(t), wide)
    scale = rnd.tensor(13, low=0.2, high=2.0)
    yield elementwise("quench.silu %0 scale %1 : {1} : {0}", lambda t, k: t * sigmoid(t * k), wide, scale)
    up = rnd.tensor(13)
    for kind, gate in {"silu": lambda t: t * sigmoid(t), "gelu_erf": gelu_erf,
                       "gelu_tanh": gelu_tanh, "relu": lambda t: max(t, 0.0)}.items():
        yield elementwise(f"quench.gated %0, %1 by {kind} : {{0}}", lambda t, k: gate(t) * k, wide, up)

    rows = rnd.tensor(2, 3, 11, low=-3, high=3)
    gamma, beta = rnd.tensor(11, low=-2, high=2), rnd.tensor(11)
    yield "quench.layer_norm %0 gamma %1 beta %2 eps 1.0e-5 : ({0}, {1}, {2}) -> {r0}", [rows, gamma, beta], [
        row_map(rows, lambda r: layer_norm(r, 1e-5, gamma, beta))]
    yield "quench.layer_norm %0 eps 1.0e-2 : ({0}) -> {r0}", [rows], [row_map(rows, lambda r: layer_norm(r, 1e-2))]
    # A mean of 64 beside a spread of 1/8: one pass over sums of squares fails.
    far = build([2, 11], lambda i, j: round_to(dtype, 64 + (rnd.next() - 0.5) / 4))
    if dtype in ("f32", "f64"):
        yield "quench.layer_norm %0 eps 0.0 : ({0}) -> {r0}", [far], [row_map(far, lambda r: layer_norm(r, 0))], 30
    zeros = Tensor([2, 11], [0.0] * 22)
    yield "quench.layer_norm %0 eps 1.0e-5 : ({0}) -> {r0}", [zeros], [zeros]
    yield "quench.rms_norm %0 gamma %1 eps 1.0e-5 : ({0}, {1}) -> {r0}", [rows, gamma], [
        row_map(rows, lambda r: rms_norm(r, 1e-5, gamma))]
    yield "quench.rms_norm %0 eps 1.0e-2 : ({0}) -> {r0}", [rows], [row_map(rows, lambda r: rms_norm(r, 1e-2))]
    yield "quench.l2_normalize %0 eps 1.0e-12 : {0}", [rows], [row_map(
        rows, lambda r: [v / max(math.sqrt(math.fsum(t * t for t in r)), 1e-12) for v in r])]
    yield "quench.l2_normalize %0 eps 1.0e-12 : {0}", [zeros], [zeros]

    scores = rnd.tensor(4, 6, low=-4, high=4)
    scores.data[:6] = [-INF] * 6
    scores.data[6:9] = [round_to(dtype, 30000.0), -INF, round_to(dtype, -30000.0)]
    yield "quench.softmax %0 : {0}", [scores], [row_map(scores, softmax)]
    yield "quench.softmax %0 {{zeta = 1.1 : f64, gamma = -0.05 : f64}} : {0}", [scores], [
        row_map(scores, lambda r: softmax(r, 1.1, -0.05))]

    q, k, v = rnd.tensor(2, 3, 4, 6), rnd.tensor(2, 5, 2, 6), rnd.tensor(2, 5, 2, 3)
    mask = Tensor([2, 5], [1, 1, 0, 1, 0, 0, 0, 0, 0, 0], "i64")
    yield ("quench.attention %0, %1, %2 scale 0.4 full : ({0}, {1}, {2}) -> {r0}", [q, k, v],
           [attention(q, k, v, 0.4)])
    yield ("quench.attention %0, %1, %2 mask %3 scale 0.4 full : ({0}, {1}, {2}, {3}) -> {r0}", [q, k, v, mask],
           [attention(q, k, v, 0.4, mask)])
    yield ("quench.attention %0, %1, %2 mask %3 scale 0.4 causal : ({0}, {1}, {2}, {3}) -> {r0}", [q, k, v, mask],
           [attention(q, k, v, 0.4, mask, causal=True)])
    yield ("quench.attention %0, %1, %2 scale 2.0 sliding {{window = 2 : i64}} : ({0}, {1}, {2}) -> {r0}", [q, k, v],
           [attention(q, k, v, 2.0, causal=True, window=2)])
    yield ("quench.attention %0, %1, %2 scale 0.4 causal {{head_groups = array<i64: 1, 0, 1, 1>}} "
           ": ({0}, {1}, {2}) -> {r0}", [q, k, v], [attention(q, k, v, 0.4, causal=True, groups=[1, 0, 1, 1])])
    yield ("quench.attention %0, %1, %2 scale 0.4 full {{zeta = 1.2 : f64, gamma = -0.1 : f64}} "
           ": ({0}, {1}, {2}) -> {r0}", [q, k, v], [attention(q, k, v, 0.4, zeta=1.2, gamma=-0.1)])
    for axes in ([0, 1, 2, 3], [0, 1, 2], [0, 2], [2]):
        gate = rnd.tensor(*(q.shape[axis] for axis in axes), low=-9, high=9)
        yield "quench.head_gate %0 by %1 {{factor = 2.5 : f64}} : ({0}, {1}) -> {r0}", [q, gate], [
            build(q.shape, lambda *i: q[i] * 2.5 * sigmoid(gate[tuple(i[axis] for axis in axes)]))]
    weights = rnd.tensor(q.shape[0], q.shape[2], q.shape[1], k.shape[1], low=0, high=1)
    yield "quench.attention_values %0, %1 : ({0}, {1}) -> {r0}", [weights, v], [weighted(weights, v)]
    yield ("quench.attention_values %0, %1 {{head_groups = array<i64: 1, 0, 1, 1>}} : ({0}, {1}) -> {r0}", [weights, v],
           [weighted(weights, v, [1, 0, 1, 1])])
    yield ("quench.attention_probabilities %0, %1 mask %2 scale 0.4 causal {{head_groups = array<i64: 1, 0, 1, 1>}} "
           ": ({0}, {1}, {2}) -> {r0}", [q, k, mask],
           [probabilities(q, k, 0.4, mask, causal=True, groups=[1, 0, 1, 1])])
    for shape in ([5], [3, 5], [4, 3, 5], [2, 4, 3, 5]):
        bias = rnd.tensor(*shape)
        yield ("quench.attention %0, %1, %2 bias %3 scale 0.4 full : ({0}, {1}, {2}, {3}) -> {r0}", [q, k, v, bias],
               [attention(q, k, v, 0.4, bias=bias)])

    # Exact powers of two, zeros, and what has no bin of its own.
    ends = [0.0, 1.0, -1.0, 2.0**-24, 2.0**-23, -(2.0**-14), 0.015625]
    ends += [2.0**-30, 70000.0, -(2.0**20)] if dtype in ("f32", "f64") else [1.9921875, -0.5]
    for numbers in (rnd.tensor(7, 9), Tensor([1, len(ends)], ends), Tensor([2, 1], [0.0, 0.0])):
        yield "quench.distribution %0 : ({0}) -> ({r0}, {r1}, {r2})", [numbers], distribution(numbers)

    tokens, sequences = rnd.tensor(2, 3, 4), rnd.tensor(2, 3, 2, 2)
    for count in (4, 8):
        part = build([count, 4], lambda i, c: tokens[(i * 6 // count) // 3, (i * 6 // count) % 3, c])
        yield f"quench.sample %0 parts {count} of [4] : ({{0}}) -> {{r0}}", [tokens], [Tensor(part.shape, part.data, "f64")]
    part = build([3, 2, 3, 1], lambda i, t, h, d: sequences[i * 2 // 3, t, h, d] if h < 2 else 0.0)
    yield "quench.sample %0 parts 3 of [2, 3, 1] : ({0}) -> {r0}", [sequences], [Tensor(part.shape, part.data, "f64")]

    start = Tensor([], [11], "i64")
    positions = Tensor([3], [9, 10, 11], "i64")
    yield ("quench.positions %0 dim 1 from %1 {{offset = -2 : i64}} : {0} -> {r0}", [x, start], [positions])
    frequencies = [1.0, 0.25, 0.01]
    if dtype == "f64" or dtype == "f32":
        literal = ", ".join(map(repr, frequencies))
        yield (f"quench.rope_table %0 {{{{inv_freq = array<f64: {literal}>, attention_factor = 1.5 : f64, "
               f"element_type = {dtype}}}}} : ({{0}}) -> ({{r0}}, {{r1}})", [positions],
               [build([3, 3], lambda t, i: 1.5 * f(positions[(t,)] * frequencies[i])) for f in (math.cos, math.sin)])
    heads, cos, sin = rnd.tensor(2, 3, 2, 8), rnd.tensor(3, 3), rnd.tensor(3, 3)
    full = rnd.tensor(3, 4), rnd.tensor(3, 4)
    for layout in ("half", "interleaved"):
        for c, s in ((cos, sin), full):
            yield (f"quench.rope %0, %1, %2 {layout} : ({{0}}, {{1}}, {{2}}) -> {{r0}}", [heads, c, s],
                   [rope(heads, c, s, layout == "interleaved")])
    cache, new = rnd.tensor(2, 6, 2, 3), rnd.tensor(2, 2, 2, 3)
    three = Tensor([], [3], "i64")
    updated = build(cache.shape, lambda n, t, g, d: new[n, t - 3, g, d] if 3 <= t < 5 else cache[n, t, g, d])
    yield ("quench.kv_cache %0, %1 at %2 : ({0}, {1}, {2}) -> ({r0}, {r1})", [cache, new, three],
           [updated, build([2, 5, 2, 3], lambda *i: updated[i])])

    ids, table = rnd.ints(9, 2, 4), rnd.tensor(9, 5)
    yield "quench.embedding %0, %1 : ({0}, {1}) -> {r0}", [ids, table], [
        build([2, 4, 5], lambda n, t, c: table[ids[n, t], c])]
    tokens = rnd.tensor(2, 5)
    yield "quench.prepend %1 to %0 : ({0}, {1}) -> {r0}", [x, tokens], [
        build([2, 5, 5], lambda n, t, c: tokens[t, c] if t < 2 else x[n, t - 2, c])]
    seen = Tensor([2, 3], [1, 1, 0, 0, 0, 0], "i64")
    for kind in ("mean", "max", "last"):
        yield (f"quench.pool %0 mask %1 by {kind} : ({{0}}, {{1}}) -> {{r0}}", [x, seen], [pool(x, kind, seen)])
    for kind in ("mean", "max", "last", "first"):
        yield f"quench.pool %0 by {kind} : ({{0}}) -> {{r0}}", [x], [pool(x, kind)]

    image = rnd.tensor(2, 3, 4, 6)
    kernel = rnd.tensor(5, 3, 2, 3)
    bias = rnd.tensor(5)
    yield "quench.patches %0 of 2 x 3 : ({0}) -> {r0}", [image], [patches(image, 2, 3)]
    yield "quench.patch_embed %0, %1 bias %2 : ({0}, {s1}, {2}) -> {r0}", [image, kernel, bias], [
        linear(patches(image, 2, 3), Tensor([5, 18], kernel.data), bias)]
    yield ("quench.conv2d %0, %1 bias %2 strides [2, 1] padding [1, 2] : ({0}, {s1}, {2}) -> {r0}",
           [image, kernel, bias], [conv2d(image, kernel, bias, (2, 1), (1, 2), 1)])
    grouped = rnd.tensor(6, 1, 3, 2)
    yield ("quench.conv2d %0, %1 strides [1, 2] padding [1, 0] {{groups = 3 : i64}} : ({0}, {s1}) -> {r0}",
           [image, grouped], [conv2d(image, grouped, None, (1, 2), (1, 0), 3)])

    taps, tapBias, state = rnd.tensor(5, 4), rnd.tensor(5), rnd.tensor(2, 3, 5)
    yield ("quench.causal_conv1d %0, %1 bias %2 state %3 : ({0}, {s1}, {2}, {3}) -> ({r0}, {r1})",
           [x, taps, tapBias, state], causal_conv(x, taps, tapBias, state))
    yield "quench.causal_conv1d %0, %1 : ({0}, {s1}) -> ({r0}, {r1})", [x, taps], causal_conv(x, taps, None, None)
    tap = rnd.tensor(5, 1)
    yield "quench.causal_conv1d %0, %1 : ({0}, {s1}) -> ({r0}, {r1})", [x, tap], causal_conv(x, tap, None, None)
    delta = rnd.tensor(2, 3, 5, low=0.01, high=1)
    a, bb, cc = rnd.tensor(5, 4, low=-2, high=-0.1), rnd.tensor(2, 3, 4), rnd.tensor(2, 3, 4)
    d, h = rnd.tensor(5), rnd.tensor(2, 5, 4)
    yield ("quench.selective_scan %0 delta %1 a %2 b %3 c %4 d %5 state %6 "
           ": ({0}, {1}, {2}, {3}, {4}, {5}, {6}) -> ({r0}, {r1})",
           [x, delta, a, bb, cc, d, h], scan(x, delta, a, bb, cc, d, h))
    yield ("quench.selective_scan %0 delta %1 a %2 b %3 c %4 : ({0}, {1}, {2}, {3}, {4}) -> ({r0}, {r1})",
           [x, delta, a, bb, cc], scan(x, delta, a, bb, cc, None, None))

    feature = rnd.tensor(2, 4, 5, 3)
    for shift in (0, 1):
        parts = window_partition(feature, 3, shift)
        yield (f"quench.window_partition %0 window 3 {{{{shift = {shift} : i64}}}} : ({{0}}) -> {{r0}}", [feature],
               [parts])
        yield (f"quench.window_merge %0 window 3 to 4 x 5 {{{{shift = {shift} : i64}}}} : ({{0}}) -> {{r0}}", [parts],
               [feature])

    rows = im2col(feature, (2, 3), (1, 2), (1, 0))
    yield "quench.im2col %0 kernel [2, 3] strides [1, 2] padding [1, 0] : ({0}) -> {r0}", [feature], [rows]
    yield ("quench.im2col %0 kernel [1, 1] strides [2, 1] padding [0, 0] : ({0}) -> {r0}", [feature],
           [im2col(feature, (1, 1), (2, 1), (0, 0))])
    taps, bias = rnd.tensor(3, 3, 2), rnd.tensor(3)
    yield ("quench.depthwise_conv2d %0, %1 bias %2 strides [1, 2] padding [1, 0] : ({0}, {s1}, {2}) -> {r0}",
           [feature, taps, bias], [depthwise(feature, taps, bias, (1, 2), (1, 0))])
    yield ("quench.depthwise_conv2d %0, %1 strides [2, 1] padding [0, 1] : ({0}, {s1}) -> {r0}",
           [feature, taps], [depthwise(feature, taps, None, (2, 1), (0, 1))])
    feature = rnd.tensor(2, 4, 6, 3)
    sequences = unfold(feature, 2, 3)
    yield "quench.unfold %0 of 2 x 3 : ({0}) -> {r0}", [feature], [sequences]
    yield "quench.fold %0 of 2 x 3 to 4 x 6 : ({0}) -> {r0}", [sequences], [feature]

    for order, words in (1, ""), (2, ""), (8, ""), (12, ""), (12, ", transposed"), (48, ""), (96, ", transposed"):
        rows = rnd.tensor(2, 3, 96)
        yield (f"quench.online_hadamard %0 by(#quench.hadamard<{order}{words}>) : {{0}}", [rows],
               [online_hadamard(rows, order, bool(words))])
    # Scales of short floats are f32.
    if dtype in ("f32", "f64"):
        rows = Tensor((2, 3, 6), rnd.tensor(2, 2, 6).data + [0.0] * 12)
        for words, shape, runs in ("i8, token", (2, 3), 6), ("u4, token, group = 2", (2, 3, 3), 2), ("i4", (), 36):
            highest = 2 ** int(words[1]) - 1 if words[0] == "u" else 2 ** (int(words[1]) - 1) - 1
            most = [max(map(abs, rows.data[first:first + runs])) for first in range(0, 36, runs)]
            yield (f"quench.dynamic_scale %0 by(#quench.uniform<{words}>) : ({{0}}) -> {{r0}}", [rows],
                   [Tensor(shape, [m / highest if m else 1.0 for m in most])])
        for form, scales in ((formats.SMALL_FLOATS[4], "e4m3"), (formats.SMALL_FLOATS[0], "e8m0"),
                             (formats.CodeBook(formats.NF4, "nf4"), None)):
            most = [max(map(abs, rows.data[first:first + 2])) for first in range(0, 36, 2)]
            outer = formats.divide(max(most), 448.0 * 6, dtype) if scales == "e4m3" else 1.0
            words = form.text[:-1] + ", token, group = 2" + (f", scale = {scales}>" if scales else ">")
            yield (f"quench.dynamic_scale %0 by({words}) : ({{0}}) -> {{r0}}", [rows],
                   [Tensor((2, 3, 3), [formats.scale_of_range(form, -m, m, outer, scales, dtype) for m in most])])
        # The last rows hold zeros; the first is made positive.
        rows = Tensor((2, 3, 6), [abs(v) if i < 6 else v for i, v in enumerate(rows.data)])
        for bits, signed, words, shape, runs in ((8, False, ", token", (2, 3), 6), (4, True, "", (), 36),
                                                 (4, False, ", token, group = 3", (2, 3, 2), 3)):
            form = formats.Uniform(bits, signed, asymmetric=True)
            ends = [(min(part), max(part)) for part in (rows.data[i:i + runs] for i in range(0, 36, runs))]
            scales = [formats.scale_of_range(form, low, high, 1.0, None, dtype) for low, high in ends]
            zeros = [formats.zero_of_range(form, low, s, dtype) for (low, _), s in zip(ends, scales)]
            yield (f"quench.dynamic_parameters %0 by({form.text[:-1]}{words}>) : ({{0}}) -> ({{r0}}, {{r1}})", [rows],
                   [Tensor(shape, scales), Tensor(shape, [z - 256 if z > 127 else z for z in zeros], "i8")])


# -- Modules ------------------------------------------------------------------

# Dimensions that are static, of the operands because the op wants it so, of each
# result because it follows from that.
STATIC_OPERANDS = {"attention": {0: {2}, 1: {2}}, "rope": {0: {3}, 1: {1}, 2: {1}}, "window_merge": {0: {1}},
                   "fold": {0: {1}},
                   "online_hadamard": {0: {2}},
                   "attention_probabilities": {0: {2}, 1: {2}}, "attention_values": {0: {1}, 1: {2}},
                   "head_gate": {0: {2}}}
STATIC_RESULTS = {"attention": [{2}], "rope": [{3}], "rope_table": [{1}, {1}], "patch_embed": [{2}], "conv2d": [{1}],
                  "causal_conv1d": [set(), {1}], "window_partition": [{1}], "window_merge": [{1, 2}],
                  "depthwise_conv2d": [{3}], "fold": [{1, 2}],
                  "online_hadamard": [{2}], "attention_probabilities": [{1}], "attention_values": [{2}], "head_gate": [{2}],
                  "distribution": [{0}, {0}, {0}], "sample": [{0, 1, 2, 3}]}


def type_of(tensor, dtype, fixed=()):
    element = tensor.itype or dtype
    if tensor.itype == "i64" and not tensor.shape:
        return element
    dims = [str(size) if axis in fixed else "?" for axis, size in enumerate(tensor.shape)]
    return "tensor<" + "x".join([*dims, element]) + ">"


def static_type(tensor, dtype):
    return type_of(tensor, dtype, range(len(tensor.shape)))


def literal(tensor, floating=None):
    def number(value):
        if isinstance(value, int) and floating is None:
            return str(value)
        if math.isinf(value):
            # Bit patterns are the only way to write infinities.
            bits = {"f64": "0xFFF0000000000000", "f32": "0xFF800000", "f16": "0xFC00", "bf16": "0xFF80"}
            return bits[floating]
        text = repr(float(value))
        return text if "e" not in text or "." in text else text.replace("e", ".0e")

    def nest(shape, data):
        if not shape:
            return number(data[0])
        step = len(data) // shape[0]
        return "[" + ", ".join(nest(shape[1:], data[i * step:(i + 1) * step]) for i in range(shape[0])) + "]"

    return nest(tensor.shape, tensor.data) if tensor.data else ""


def write_module(dtype, all_cases):
    functions, main = [], []
    for number, (text, inputs, results, *_) in enumerate(all_cases):
        op = text.split()[0].removeprefix("quench.")
        fixed = STATIC_OPERANDS.get(op, {})
        types = [static_type(t, dtype) if f"{{s{i}}}" in text else type_of(t, dtype, fixed.get(i, ()))
                 for i, t in enumerate(inputs)]
        result_types = [type_of(t, dtype, STATIC_RESULTS.get(op, [()] * len(results))[i])
                        for i, t in enumerate(results)]
        body = text.format(*types, **{f"s{i}": t for i, t in enumerate(types)},
                           **{f"r{i}": t for i, t in enumerate(result_types)})
        for i in range(len(inputs)):
            body = body.replace(f"%{i}", f"%a{i}")
        names = [f"%r{i}" for i in range(len(results))]
        arguments = ", ".join(f"%a{i}: {types[i]}" for i in range(len(inputs)))
        functions.append(
            f"func.func private @case{number}({arguments}) -> ({', '.join(result_types)}) attributes {{llvm.noinline}} {{\n"
            f"  {', '.join(names)} = {body}\n"
            f"  return {', '.join(names)} : {', '.join(result_types)}\n}}")
        for i, t in enumerate(inputs):
            if t.itype and not t.shape:
                main.append(f"  %v{number}_{i} = arith.constant {t.data[0]} : {t.itype}")
                continue
            static = static_type(t, dtype)
            main.append(f"  %s{number}_{i} = arith.constant dense<{literal(t, None if t.itype else dtype)}> : {static}")
            if static == types[i]:
                main[-1] = main[-1].replace(f"%s{number}_{i}", f"%v{number}_{i}")
            else:
                main.append(f"  %v{number}_{i} = tensor.cast %s{number}_{i} : {static} to {types[i]}")
        values = ", ".join(f"%v{number}_{i}" for i in range(len(inputs)))
        signature = ", ".join(types[i] for i in range(len(inputs)))
        main.append(f"  %o{number}:{len(results)} = call @case{number}({values}) : ({signature}) -> ({', '.join(result_types)})")
        for i, t in enumerate(results):
            main += compare(f"{number}_{i}", f"%o{number}#{i}", result_types[i], t, dtype)
    return "\n".join([*functions, "func.func @main() {", *main, "  return", "}"])


def compare(name, value, value_type, expected, dtype):
    rank = len(expected.shape)
    lines = []
    for axis in range(rank):
        lines += [f"  %i{name}_{axis} = arith.constant {axis} : index",
                  f"  %d{name}_{axis} = tensor.dim {value}, %i{name}_{axis} : {value_type}",
                  f"  vector.print %d{name}_{axis} : index"]
    element = expected.itype or dtype
    wide = "tensor<" + "x".join([*map(str, expected.shape), "f64"]) + ">"
    identity = "affine_map<(" + ", ".join(f"d{i}" for i in range(rank)) + ") -> (" + ", ".join(
        f"d{i}" for i in range(rank)) + ")>"
    scalar = identity.split("->")[0] + "-> ()>"
    convert = (f"%x = arith.sitofp %e : {element} to f64" if element.startswith("i") else
               f"%x = arith.extf %e : {element} to f64" if element != "f64" else "%x = arith.addf %e, %zero : f64")
    reductions = ", ".join(['"reduction"'] * rank)
    return lines + [
        f"  %e{name} = arith.constant dense<{literal(expected, 'f64')}> : {wide}",
        f"  %z{name} = arith.constant dense<0.0> : tensor<f64>",
        f"  %m{name} = linalg.generic {{indexing_maps = [{identity}, {identity}, {scalar}], "
        f"iterator_types = [{reductions}]}} ins({value}, %e{name} : {value_type}, {wide}) outs(%z{name} : tensor<f64>) {{",
        f"  ^bb0(%e: {element}, %f: f64, %so: f64):",
        "    %zero = arith.constant 0.0 : f64",
        f"    {convert}",
        "    %difference = arith.subf %x, %f : f64",
        "    %magnitude = math.absf %difference : f64",
        "    %most = arith.maximumf %so, %magnitude : f64",
        "    linalg.yield %most : f64",
        "  } -> tensor<f64>",
        f"  %p{name} = tensor.extract %m{name}[] : tensor<f64>",
        f"  vector.print %p{name} : f64",
    ]


def run_module(opt, runner, libraries, module):
    """What `@main` of the text `module` prints once it is compiled."""
    # What our pass gives is verified; between those of MLIR it would take longer than all of them.
    linalg = subprocess.run([opt, "-", PASSES[0], "--emit-bytecode"], input=module.encode(), capture_output=True)
    if linalg.returncode:
        sys.exit(f"lowering failed\n{linalg.stderr.decode()[-3000:]}")
    lowered = subprocess.run([opt, "-", *PASSES[1:], "--verify-each=false", "--emit-bytecode"],
                             input=linalg.stdout, capture_output=True)
    if lowered.returncode:
        sys.exit(f"lowering failed\n{lowered.stderr.decode()[-3000:]}")
    shared = ",".join(os.path.join(libraries, f"lib{name}.so") for name in
                      ("mlir_runner_utils", "mlir_c_runner_utils", "mlir_float16_utils"))
    run = subprocess.run([runner, "-e", "main", "-entry-point-result=void", f"-shared-libs={shared}", "-O0"],
                         input=lowered.stdout, capture_output=True)
    if run.returncode:
        sys.exit(f"execution failed\n{run.stderr.decode()[-3000:]}")
    return run.stdout.decode()


def main():
    opt, runner, libraries, *dtypes = sys.argv[1:]
    failed = 0
    for dtype in dtypes:
        all_cases = list(cases(dtype))
        module = write_module(dtype, all_cases)
        lines = iter(run_module(opt, runner, libraries, module).split())
        for text, _, results, *slack in all_cases:
            for index, expected in enumerate(results):
                shape = tuple(int(next(lines)) for _ in expected.shape)
                error = float(next(lines))
                largest = max([1.0] + [abs(v) for v in expected.data])
                limit = TOLERANCE[dtype] * largest * (slack[0] if slack else 1)
                if shape != expected.shape or not error <= limit:
                    failed += 1
                    print(f"{dtype}: {text}\n  result {index}: shape {shape}, expected {expected.shape}; "
                          f"error {error}, limit {limit}")
        print(f"{dtype}: {len(all_cases)} cases")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
