"""relevance_model.py FOLDER: a model of four residual blocks, its archive and data, and the relevance of its layers.

Relevance is propagated here by the definitions, one product at a time.
    relevance_model.py FOLDER check FILE

compares with that of the JSON of quench assign-bits.
"""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Models"))
import tensorfile

folder = sys.argv[1]
TOKENS, CHANNELS = 5, 8


class Tape:
    """Values of one example, the text of the ops, and how relevance goes back."""

    def __init__(self, weights):
        self.weights, self.text, self.backward = weights, [], []
        self.shares = {}

    def add_op(self, text, shape, value, inputs, rule, name="op"):
        """Adds `%r = text : type of inputs -> type of result`."""
        result = (f"%{len(self.text)}", shape, value)
        types = ", ".join(f"tensor<{i[1]}xf32>" for i in inputs)
        self.text.append(f'{result[0]} = {text} : ({types}) -> tensor<{shape}xf32> loc("{name}")')
        self.backward.append((result[0], inputs, rule))
        return result

    def param(self, name):
        value = self.weights[name]
        shape = "x".join(map(str, value.shape))
        result = (f"%{len(self.text)}", shape, value.astype(np.float64))
        self.text.append(f'{result[0]} = quench.param <"model"::"{name}"> : tensor<{shape}xf32>')
        return result

    def linear(self, x, name):
        w = self.param(name + ".weight")
        products = np.maximum(x[2][:, None, :] * w[2], 0)

        def rule(relevance):
            sums = products.sum(-1)
            quotient = np.divide(relevance, sums, where=sums != 0, out=np.zeros_like(sums))
            return [(products * quotient[..., None]).sum(1), None]

        return self.add_op(
            f"quench.linear {x[0]}, {w[0]}",
            f"?x{TOKENS}x{len(w[2])}",
            x[2] @ w[2].T,
            [x, w],
            rule,
            name,
        )

    def add(self, x, y, join=None):
        def rule(relevance):
            parts = [a * relevance / (x[2] + y[2]) for a in (x[2], y[2])]
            sizes = np.array([abs(part.sum()) for part in parts])
            shares = sizes / sizes.sum()
            if join:
                self.shares[join] = shares[1]
            return [p / p.sum() * s * relevance.sum() for p, s in zip(parts, shares)]

        return self.add_op(
            f"quench.add {x[0]}, {y[0]}" + (" residual" if join else ""),
            x[1],
            x[2] + y[2],
            [x, y],
            rule,
        )

    def same(self, text, value, inputs):
        """An op that passes relevance to its first input."""
        return self.add_op(
            text, inputs[0][1], value, inputs, lambda r: [r] + [None] * (len(inputs) - 1)
        )

    def unary(self, text, value, x):
        result = self.same(text.format(x[0]), value, [x])
        # Their types are written once.
        self.text[-1] = self.text[-1].replace(f"(tensor<{x[1]}xf32>) -> ", "")
        return result

    def propagate(self, result, relevance):
        given = {result[0]: [relevance]}
        for name, inputs, rule in reversed(self.backward):
            if name not in given:
                continue
            parts = given.pop(name)
            whole = sum(parts)
            for (source, _, value), part in zip(inputs, rule(whole)):
                if part is not None:
                    # Who has several readers loses what is at zeros.
                    given.setdefault(source, []).append(np.where(value == 0, 0, part))


def softmax(scores):
    numbers = np.exp(scores - scores.max(-1, keepdims=True))
    return numbers / numbers.sum(-1, keepdims=True)


def share_product(a, b, relevance):
    """What the factors of `a @ b` get: each product its part, one half each."""
    products = a[:, :, None] * b[None]
    parts = products / products.sum(1, keepdims=True) * relevance[:, None] / 2
    return parts.sum(2), parts.sum(0)


def normalize(tape, value):
    centred = value[2] - value[2].mean(-1, keepdims=True)
    result = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return tape.same(f"quench.layer_norm {value[0]} eps 1.0e-5", result, [value])


AT = f"?x{TOKENS}x{CHANNELS}"


def attend(tape, value, mask):
    """Two heads of queries read one of keys: causal, and not what the mask hides."""
    normed = normalize(tape, value)
    heads = []
    for name, size in (("q", 8), ("k", 4), ("v", 4)):
        flat = tape.linear(normed, "block.0." + name)
        split = flat[2].reshape(TOKENS, -1, 4)
        shape = f"?x{TOKENS}x{size // 4}x4"
        head = (f"%{len(tape.text)}", shape, split)
        tape.text.append(
            f"{head[0]} = tensor.expand_shape {flat[0]} [[0], [1], [2, 3]] output_shape"
            f" [%batch, {TOKENS}, {size // 4}, 4] : tensor<{flat[1]}xf32> into tensor<{shape}xf32>"
        )
        tape.backward.append((head[0], [flat], lambda r: [r.reshape(TOKENS, -1)]))
        heads.append(head)
    q, k, v = (head[2] for head in heads)
    hidden = np.tril(np.ones((TOKENS, TOKENS))) * mask == 0
    scores = [np.where(hidden, -np.inf, q[:, h] @ k[:, 0].T * 0.5) for h in range(2)]
    probabilities = [softmax(s) for s in scores]

    def attention_rule(relevance):
        shares = [np.zeros_like(head[2]) for head in heads]
        for h in range(2):
            of_scores, of_values = share_product(probabilities[h], v[:, 0], relevance[:, h])
            of_queries, of_keys = share_product(q[:, h], k[:, 0].T, of_scores)
            shares[0][:, h] += of_queries
            shares[1][:, 0] += of_keys.T
            shares[2][:, 0] += of_values
        return shares + [None]

    attention = tape.add_op(
        f"quench.attention {heads[0][0]}, {heads[1][0]}, {heads[2][0]} mask %mask scale 0.5 causal",
        heads[0][1],
        np.stack([p @ v[:, 0] for p in probabilities], 1),
        heads + [("%mask", "", mask)],
        attention_rule,
    )
    tape.text[-1] = tape.text[-1].replace("tensor<xf32>", f"tensor<?x{TOKENS}xi64>")
    merged = (f"%{len(tape.text)}", AT, attention[2].reshape(TOKENS, -1))
    tape.text.append(
        f"{merged[0]} = tensor.collapse_shape {attention[0]} [[0], [1], [2, 3]]"
        f" : tensor<{attention[1]}xf32> into tensor<{AT}xf32>"
    )
    tape.backward.append((merged[0], [attention], lambda r: [r.reshape(attention[2].shape)]))
    return tape.linear(merged, "block.0.out")


def attend_in_parts(tape, value):
    normed = normalize(tape, value)
    q, k, v = (tape.linear(normed, "block.1." + name) for name in "qkv")
    square = f"?x{TOKENS}x{TOKENS}"

    def score_rule(relevance):
        of_queries, of_keys = share_product(q[2], k[2].T, relevance)
        return [of_queries, of_keys.T]

    scores = tape.add_op(f"quench.matmul {q[0]}, {k[0]} {{transpose_b}}", square, q[2] @ k[2].T, [q, k], score_rule)
    scale = tape.param("block.1.scale")
    scaled = tape.same(f"quench.mul {scores[0]}, {scale[0]}", scores[2] * scale[2], [scores, scale])
    parts = tape.unary("quench.softmax {}", softmax(scaled[2]), scaled)
    mixed = tape.add_op(
        f"quench.matmul {parts[0]}, {v[0]}",
        AT,
        parts[2] @ v[2],
        [parts, v],
        lambda r: list(share_product(parts[2], v[2], r)),
    )
    return tape.linear(mixed, "block.1.out")


def gate_halves(tape, value):
    """Gate and value are halves of one result."""
    both = tape.linear(value, "block.2.up")
    halves = []
    for begin in (0, 8):
        half = (f"%{len(tape.text)}", AT, both[2][:, begin : begin + 8])
        tape.text.append(
            f"{half[0]} = tensor.extract_slice {both[0]}[0, 0, {begin}] [%batch, {TOKENS}, 8] [1, 1, 1]"
            f" : tensor<{both[1]}xf32> to tensor<{AT}xf32>"
        )
        tape.backward.append(
            (half[0], [both], lambda r, begin=begin: [np.pad(r, ((0, 0), (begin, 8 - begin)))])
        )
        halves.append(half)
    gate, up = halves
    gated = tape.add_op(
        f"quench.gated {gate[0]}, {up[0]} by silu",
        AT,
        gate[2] / (1 + np.exp(-gate[2])) * up[2],
        halves,
        lambda r: [r / 2, r / 2],
    )
    tape.text[-1] = tape.text[-1].replace(f"(tensor<{AT}xf32>, tensor<{AT}xf32>) -> ", "")
    return tape.linear(gated, "block.2.down")


def activate(tape, value):
    inner = tape.linear(value, "block.3.up")
    cubic = np.sqrt(2 / np.pi) * (inner[2] + 0.044715 * inner[2] ** 3)
    inner = tape.unary("quench.gelu {} by tanh", inner[2] / 2 * (1 + np.tanh(cubic)), inner)
    return tape.linear(inner, "block.3.down")


def build(weights, x, mask):
    """The model on one example."""
    tape = Tape(weights)
    value = tape.linear(("%x", AT, x), "embed")
    value = tape.add(value, attend(tape, value, mask), "block.0")
    value = tape.add(value, attend_in_parts(tape, value), "block.1")
    value = tape.add(value, gate_halves(tape, value), "block.2")
    value = tape.add(value, activate(tape, value), "block.3")
    logits = tape.linear(value, "head")

    last = np.flatnonzero(mask)[-1]
    relevance = np.zeros_like(logits[2])
    relevance[last, logits[2][last].argmax()] = 1
    tape.propagate(logits, relevance)
    return tape, logits


generator = np.random.default_rng(0)
SHAPES = {"embed": (8, 8), "head": (4, 8), "block.0.k": (4, 8), "block.0.v": (4, 8)}
SHAPES |= {"block.2.up": (16, 8), "block.3.up": (12, 8), "block.3.down": (8, 12)}
for name in ("0.q", "0.out", "1.q", "1.k", "1.v", "1.out", "2.down"):
    SHAPES["block." + name] = (8, 8)
weights = {
    name + ".weight": generator.normal(0, 0.6, shape).astype(np.float32)
    for name, shape in SHAPES.items()
}
weights["block.1.scale"] = np.full((1,), 0.35, np.float32).repeat(TOKENS)
examples = generator.normal(size=(3, TOKENS, CHANNELS)).astype(np.float32)
masks = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 0, 1, 0, 0]])
tapes = [build(weights, x.astype(np.float64), mask) for x, mask in zip(examples, masks)]
shares = {
    name: np.mean([tape.shares[name] for tape, _ in tapes]) for name in tapes[0][0].shares
}

if len(sys.argv) > 2:
    with open(sys.argv[3]) as stream:
        groups = json.load(stream)["groups"]
    for group in groups:
        # What lies in no block all relevance goes through.
        expected = shares.get(group["layers"][0].rsplit(".", 1)[0], 1)
        if abs(group["relevance"] - expected) > 1e-5:
            sys.exit(f"found {group['relevance']} of {group['layers']}, expected {expected}")
    print("the relevance of", sum(len(group["layers"]) for group in groups), "layers is as expected")
    sys.exit()


def tensor(dtype, values):
    return tensorfile.Tensor(dtype, values.shape, values.tobytes())


tensorfile.save(
    f"{folder}/model.safetensors", {name: tensor("F32", w) for name, w in weights.items()}
)
tensorfile.save(
    f"{folder}/data.safetensors",
    {"x": tensor("F32", examples), "attention_mask": tensor("I64", masks)},
)
tape, logits = tapes[0]
text = """module attributes {quench.archives = {model = "model.safetensors"}, quench.symbols = {batch = [1]}} {
  func.func @run(%x: tensor<?x5x8xf32> {quench.name = "x", quench.dims = ["batch"]},
                 %mask: tensor<?x5xi64> {quench.name = "attention_mask", quench.dims = ["batch"]})
      -> (tensor<?x5x4xf32> {quench.name = "logits", quench.dims = ["batch"]}) attributes {quench.entry} {
    %c0 = arith.constant 0 : index
    %batch = tensor.dim %x, %c0 : tensor<?x5x8xf32>
    BODY
    return RESULT : tensor<?x5x4xf32>
  }
}
"""
with open(f"{folder}/model.mlir", "w") as stream:
    stream.write(text.replace("BODY", "\n    ".join(tape.text)).replace("RESULT", logits[0]))
