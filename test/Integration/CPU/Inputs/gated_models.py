"""Writes tiny checkpoints with clipped softmax or gated attention, and what they
compute.

    gated_models.py FOLDER CASE...

The references are numpy in f64, from the formulas in the papers. Of models in the
layout of BERT and OPT (Quantizable Transformers) and of Qwen3 (Gated Attention for
Large Language Models).
"""

import json
import math
import os
import sys
import zlib

import numpy as np
import tensorfile

HIDDEN, HEADS, INNER, VOCAB, POSITIONS = 24, 3, 20, 31, 40
SIZE = HIDDEN // HEADS

# The arguments of the public code, the form of the gate, what the checkpoint says.
CASES = {
    "bert-plain": ("bert", None, {"attn_softmax": "vanilla", "alpha": None, "attn_gate_type": "none"}),
    "bert-clipped": ("bert", None, {"attn_softmax": "clipped(-.03:1.03)"}),
    "bert-unconditional": ("bert", "unconditional",
                           {"alpha": 1.6, "max_seq_length": 40, "attn_gate_type": "unconditional_per_head",
                            "fine_tuning": True, "attn_gate_init": 0.25}),
    "bert-all": ("bert", "all", {"attn_gate_type": "conditional_per_head", "attn_gate_linear_all_features": True}),
    "bert-heads": ("bert", "linear", {"attn_softmax": "clipped(0:1.03)", "attn_gate_type": "conditional_per_head"}),
    "bert-mlp": ("bert", "mlp", {"attn_gate_type": "conditional_per_token", "attn_gate_mlp": True}),
    "bert-mlp2": ("bert", "mlp2", {"attn_softmax": "clipped(-.1:1.1)", "attn_gate_type": "conditional_per_head",
                                   "attn_gate_mlp2": True, "fine_tuning": True, "attn_gate_init": 0.25}),
    "bert-untold": ("bert", "mlp", {}),
    "opt-linear": ("opt", "linear", {"alpha": 2.0, "block_size": 32, "attn_gate_type": "conditional_per_token",
                                     "attn_gate_init": 0.25}),
    "opt-plain": ("opt", None, {}),
    "opt-clipped": ("opt", None, {"attn_softmax": "clipped(-.005:1.005)"}),
    "qwen-heads": ("qwen3", "heads", {"headwise_attn_output_gate": True}),
    "qwen-numbers": ("qwen3", "numbers", {"elementwise_attn_output_gate": True, "qkv_bias": True,
                                          "use_qk_norm": False}),
}


class Weights(dict):
    """Tensors by name, made when they are asked for."""

    def __init__(self, seed):
        super().__init__()
        self.random = np.random.default_rng(seed)

    def get(self, name, *shape):
        if name not in self:
            values = self.random.normal(0, 1.2 / math.sqrt(shape[-1]) if len(shape) > 1 else 0.3, shape)
            if "norm" in name.lower() and name.endswith("weight"):
                values = self.random.uniform(0.5, 1.5, shape)
            self[name] = values.astype(np.float32)
        return self[name].astype(np.float64)

    def linear(self, name, x, out, bias=True):
        y = x @ self.get(name + ".weight", out, x.shape[-1]).T
        return y + self.get(name + ".bias", out) if bias else y

    def layer_norm(self, name, x, eps):
        centered = x - x.mean(-1, keepdims=True)
        y = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + eps)
        return y * self.get(name + ".weight", x.shape[-1]) + self.get(name + ".bias", x.shape[-1])

    def rms_norm(self, name, x, eps):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * self.get(name + ".weight", x.shape[-1])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def stretch_of(arguments, length_key):
    """gamma and zeta of the clipped softmax."""
    if arguments.get("alpha"):
        return -arguments["alpha"] / arguments[length_key], 1
    known = {"clipped(-.03:1.03)": (-0.03, 1.03), "clipped(-.1:1.1)": (-0.1, 1.1), "clipped(0:1.03)": (0, 1.03),
             # A slip of the public code, which its models have learned.
             "clipped(-.005:1.005)": (-0.003, 1.005)}
    return known.get(arguments.get("attn_softmax"))


def attend(q, k, v, visible, stretch):
    """[B, T, H, D] of each; `visible` [B, 1, T, L]."""
    repeats = q.shape[2] // k.shape[2]
    k, v = np.repeat(k, repeats, 2), np.repeat(v, repeats, 2)
    scores = np.einsum("bthd,blhd->bhtl", q, k) / math.sqrt(q.shape[3])
    weights = np.exp(np.where(visible, scores, -np.inf) - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    if stretch:
        gamma, zeta = stretch
        weights = np.clip(weights * (zeta - gamma) + gamma, 0, 1)
        assert (weights == 0).sum() > (~np.broadcast_to(visible, weights.shape)).sum() or gamma == 0
    return np.einsum("bhtl,blhd->bthd", weights, v)


def gate_of(weights, name, form, x, arguments):
    """What multiplies the heads, [B, T, H, 1] or less."""
    if form is None:
        return 1.0
    if form == "unconditional":
        return sigmoid(weights.get(name, HEADS))[:, None]
    if form == "all":
        return sigmoid(weights.linear(name, x, HEADS))[..., None]
    logits = []
    for head in range(HEADS):
        part = x[..., head * SIZE:(head + 1) * SIZE]
        if form == "linear":
            logits.append(weights.linear(f"{name}.{head}", part, 1))
        else:
            inner = SIZE // 4 if form == "mlp" else SIZE
            hidden = np.maximum(weights.linear(f"{name}.{head}.0", part, inner), 0)
            logits.append(weights.linear(f"{name}.{head}.2", hidden, 1))
    logits = np.stack(logits, 2)
    if arguments.get("attn_gate_type") == "conditional_per_head":
        logits = logits.mean(1, keepdims=True)
    return sigmoid(logits) * (1 / arguments["attn_gate_init"] if arguments.get("fine_tuning") else 1)


def split(x, heads):
    return x.reshape(*x.shape[:2], heads, -1)


def merge(x):
    return x.reshape(*x.shape[:2], -1)


def bert(weights, form, arguments, ids, mask):
    norm = lambda name, x: weights.layer_norm(name, x, 1e-12)
    embeddings = "bert.embeddings"
    words = weights.get(f"{embeddings}.word_embeddings.weight", VOCAB, HIDDEN)
    x = words[ids] + weights.get(f"{embeddings}.position_embeddings.weight", POSITIONS, HIDDEN)[:ids.shape[1]]
    x = x + weights.get(f"{embeddings}.token_type_embeddings.weight", 2, HIDDEN)[0]
    x = norm(f"{embeddings}.LayerNorm", x)
    for i in range(2):
        layer = f"bert.encoder.layer.{i}"
        attention = f"{layer}.attention.self"
        q, k, v = (split(weights.linear(f"{attention}.{part}", x, HIDDEN), HEADS) for part in ("query", "key", "value"))
        heads = attend(q, k, v, mask[:, None, None] != 0, stretch_of(arguments, "max_seq_length"))
        heads = heads * gate_of(weights, f"{attention}.alpha", form, x, arguments)
        output = f"{layer}.attention.output"
        x = norm(f"{output}.LayerNorm", x + weights.linear(f"{output}.dense", merge(heads), HIDDEN))
        wide = gelu(weights.linear(f"{layer}.intermediate.dense", x, INNER))
        x = norm(f"{layer}.output.LayerNorm", x + weights.linear(f"{layer}.output.dense", wide, HIDDEN))
    head = "cls.predictions"
    x = norm(f"{head}.transform.LayerNorm", gelu(weights.linear(f"{head}.transform.dense", x, HIDDEN)))
    return x @ words.T + weights.get(f"{head}.bias", VOCAB)


def causal(tokens):
    return np.tril(np.ones((1, 1, tokens, tokens), bool))


def opt(weights, form, arguments, ids, mask):
    norm = lambda name, x: weights.layer_norm(name, x, 1e-5)
    root = "model.decoder"
    words = weights.get(f"{root}.embed_tokens.weight", VOCAB, HIDDEN)
    x = words[ids] + weights.get(f"{root}.embed_positions.weight", POSITIONS + 2, HIDDEN)[2:][:ids.shape[1]]
    for i in range(2):
        layer = f"{root}.layers.{i}"
        attention = f"{layer}.self_attn"
        # The gate reads what the projections read: the stream behind its norm.
        y = norm(f"{layer}.self_attn_layer_norm", x)
        q, k, v = (split(weights.linear(f"{attention}.{part}_proj", y, HIDDEN), HEADS) for part in "qkv")
        heads = attend(q, k, v, causal(ids.shape[1]), stretch_of(arguments, "block_size"))
        heads = heads * gate_of(weights, f"{attention}.alpha", form, y, arguments)
        x = x + weights.linear(f"{attention}.out_proj", merge(heads), HIDDEN)
        y = np.maximum(weights.linear(f"{layer}.fc1", norm(f"{layer}.final_layer_norm", x), INNER), 0)
        x = x + weights.linear(f"{layer}.fc2", y, HIDDEN)
    return norm(f"{root}.final_layer_norm", x) @ words.T


def rotate(x):
    half = x.shape[3] // 2
    angles = np.arange(x.shape[1])[:, None] * 10000.0**(-np.arange(half) / half)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def qwen3(weights, form, arguments, ids, mask):
    heads, groups, bias = 4, 2, arguments.get("qkv_bias", False)
    words = weights.get("model.embed_tokens.weight", VOCAB, HIDDEN)
    x = words[ids]
    for i in range(2):
        layer = f"model.layers.{i}"
        attention = f"{layer}.self_attn"
        y = weights.rms_norm(f"{layer}.input_layernorm", x, 1e-6)
        k, v = (split(weights.linear(f"{attention}.{part}_proj", y, groups * SIZE, bias), groups) for part in "kv")
        # A group of heads has its queries, then its gates.
        gates = 1 if form == "heads" else SIZE
        rows = split(weights.linear(f"{attention}.q_proj", y, heads * (SIZE + gates), bias), groups)
        repeats = heads // groups
        q, gate = rows[..., :repeats * SIZE], rows[..., repeats * SIZE:]
        q, gate = (part.reshape(*ids.shape, heads, -1) for part in (q, gate))
        if arguments.get("use_qk_norm", True):
            q = weights.rms_norm(f"{attention}.q_norm", q, 1e-6)
            k = weights.rms_norm(f"{attention}.k_norm", k, 1e-6)
        attended = attend(rotate(q), rotate(k), v, causal(ids.shape[1]), None) * sigmoid(gate)
        x = x + weights.linear(f"{attention}.o_proj", merge(attended), HIDDEN, bias)
        y = weights.rms_norm(f"{layer}.post_attention_layernorm", x, 1e-6)
        y = weights.linear(f"{layer}.mlp.gate_proj", y, INNER, False), weights.linear(f"{layer}.mlp.up_proj", y, INNER,
                                                                                      False)
        x = x + weights.linear(f"{layer}.mlp.down_proj", y[0] * sigmoid(y[0]) * y[1], HIDDEN, False)
    return weights.linear("lm_head", weights.rms_norm("model.norm", x, 1e-6), VOCAB, False)


SHARED = {"vocab_size": VOCAB, "hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": HEADS,
          "max_position_embeddings": POSITIONS}
FAMILIES = {
    "bert": (bert, {"architectures": ["BertForMaskedLM"], "intermediate_size": INNER}),
    "opt": (opt, {"architectures": ["OPTForCausalLM"], "ffn_dim": INNER}),
    "qwen3": (qwen3, {"architectures": ["Qwen3ForCausalLM"], "intermediate_size": INNER, "num_attention_heads": 4,
                      "num_key_value_heads": 2, "head_dim": SIZE}),
}


def write(folder, case):
    family, form, arguments = CASES[case]
    compute, config = FAMILIES[family]
    weights = Weights(zlib.crc32(case.encode()))
    ids = weights.random.integers(0, VOCAB, (3, 17))
    mask = np.ones_like(ids)
    if family == "bert":
        mask[1, 11:] = 0
    logits = compute(weights, form, arguments, ids, mask)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as stream:
        json.dump({"model_type": family, **SHARED, **config, **arguments}, stream, indent=2)
    tensors = {name: tensorfile.Tensor("F32", value.shape, value.tobytes()) for name, value in weights.items()}
    tensorfile.save(os.path.join(folder, "model.safetensors"), tensors)
    reference = {"input_ids": tensorfile.Tensor("I64", ids.shape, ids.astype(np.int64).tobytes()),
                 "logits": tensorfile.Tensor("F32", logits.shape, logits.astype(np.float32).tobytes())}
    if family == "bert":
        reference["attention_mask"] = tensorfile.Tensor("I64", mask.shape, mask.astype(np.int64).tobytes())
    tensorfile.save(os.path.join(folder, "b3-t17.safetensors"), reference, {"outputs": "logits"})


for name in sys.argv[2:]:
    write(os.path.join(sys.argv[1], name), name)
