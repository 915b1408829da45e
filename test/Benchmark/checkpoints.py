"""Checkpoints of published configurations with seeded random weights.

    checkpoints.py NAME FOLDER

writes `config.json` and `model.safetensors` as Hugging Face publishes them, one
tensor at a time. The weights say nothing: such a checkpoint serves for time, not
for accuracy.
"""

import json
import math
import pathlib
import sys
import zlib

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "Models"))
import tensorfile  # noqa: E402

ENCODER = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
    "torch_dtype": "float32",
}
CONFIGURATIONS = {
    "vit-b16": {
        "architectures": ["ViTModel"],
        "model_type": "vit",
        **ENCODER,
        "image_size": 224,
        "patch_size": 16,
        "num_channels": 3,
        "qkv_bias": True,
    },
    "bert-base": {
        "architectures": ["BertModel"],
        "model_type": "bert",
        **ENCODER,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    },
    # The model without its head: a prefill needs logits of the last token only.
    "llama-3.2-1b": {
        "architectures": ["LlamaModel"],
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "torch_dtype": "bfloat16",
    },
}


def get_shapes(config):
    """The shapes of all tensors by name."""
    shapes = {}

    def linear(name, out, size, bias=True):
        shapes[f"{name}.weight"] = [out, size]
        if bias:
            shapes[f"{name}.bias"] = [out]

    def norm(name, bias=True):
        shapes[f"{name}.weight"] = [hidden]
        if bias:
            shapes[f"{name}.bias"] = [hidden]

    hidden, inner = config["hidden_size"], config["intermediate_size"]
    layers = range(config["num_hidden_layers"])
    if config["model_type"] == "bert":
        shapes["embeddings.word_embeddings.weight"] = [config["vocab_size"], hidden]
        shapes["embeddings.position_embeddings.weight"] = [config["max_position_embeddings"], hidden]
        shapes["embeddings.token_type_embeddings.weight"] = [config["type_vocab_size"], hidden]
        norm("embeddings.LayerNorm")
        for i in layers:
            name = f"encoder.layer.{i}"
            for part in ("query", "key", "value"):
                linear(f"{name}.attention.self.{part}", hidden, hidden)
            linear(f"{name}.attention.output.dense", hidden, hidden)
            norm(f"{name}.attention.output.LayerNorm")
            linear(f"{name}.intermediate.dense", inner, hidden)
            linear(f"{name}.output.dense", hidden, inner)
            norm(f"{name}.output.LayerNorm")
    elif config["model_type"] == "vit":
        patch, channels = config["patch_size"], config["num_channels"]
        tokens = (config["image_size"] // patch) ** 2 + 1
        shapes["embeddings.cls_token"] = [1, 1, hidden]
        shapes["embeddings.position_embeddings"] = [1, tokens, hidden]
        shapes["embeddings.patch_embeddings.projection.weight"] = [hidden, channels, patch, patch]
        shapes["embeddings.patch_embeddings.projection.bias"] = [hidden]
        for i in layers:
            name = f"encoder.layer.{i}"
            norm(f"{name}.layernorm_before")
            for part in ("query", "key", "value"):
                linear(f"{name}.attention.attention.{part}", hidden, hidden)
            linear(f"{name}.attention.output.dense", hidden, hidden)
            norm(f"{name}.layernorm_after")
            linear(f"{name}.intermediate.dense", inner, hidden)
            linear(f"{name}.output.dense", hidden, inner)
        norm("layernorm")
    else:
        queries = config["num_attention_heads"] * config["head_dim"]
        keys = config["num_key_value_heads"] * config["head_dim"]
        shapes["embed_tokens.weight"] = [config["vocab_size"], hidden]
        for i in layers:
            name = f"layers.{i}"
            norm(f"{name}.input_layernorm", bias=False)
            linear(f"{name}.self_attn.q_proj", queries, hidden, bias=False)
            linear(f"{name}.self_attn.k_proj", keys, hidden, bias=False)
            linear(f"{name}.self_attn.v_proj", keys, hidden, bias=False)
            linear(f"{name}.self_attn.o_proj", hidden, queries, bias=False)
            norm(f"{name}.post_attention_layernorm", bias=False)
            linear(f"{name}.mlp.gate_proj", inner, hidden, bias=False)
            linear(f"{name}.mlp.up_proj", inner, hidden, bias=False)
            linear(f"{name}.mlp.down_proj", hidden, inner, bias=False)
        norm("norm", bias=False)
    return shapes


def make_tensor(name, shape, deviation):
    """Normal with that deviation; gains around 1."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    values = random.standard_normal(shape, np.float32) * np.float32(deviation)
    is_gain = "norm" in name.lower() and name.endswith("weight")
    return values + 1 if is_gain else values


def to_bf16(values):
    """The nearest numbers of 16 bits, as their bits."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def write(name, folder, layers=None):
    """Writes a checkpoint unless it is there; `layers` overrides their number."""
    folder = pathlib.Path(folder)
    if (folder / "config.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = dict(CONFIGURATIONS[name])
    if layers:
        config["num_hidden_layers"] = layers
    is_short = config["torch_dtype"] == "bfloat16"
    shapes = get_shapes(config)
    entries = [
        (key, "BF16" if is_short else "F32", shape, math.prod(shape) * (2 if is_short else 4))
        for key, shape in shapes.items()
    ]
    with open(folder / "model.safetensors", "wb") as stream:
        tensorfile.write_header(stream, entries, {"format": "pt"})
        for key, shape in shapes.items():
            values = make_tensor(key, shape, config["initializer_range"])
            stream.write((to_bf16(values) if is_short else values).tobytes())
    # Last, since it says that the rest is whole.
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder


class Checkpoint:
    """The configuration and, by name and one at a time, the weights as f32 of a
    folder with one archive. Names have no `prefix`."""

    def __init__(self, folder, prefix=""):
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        path = folder / "model.safetensors"
        with open(path, "rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(size))
        header.pop("__metadata__", None)
        self.entries = {name.removeprefix(prefix): entry for name, entry in header.items()}
        self.bytes = np.memmap(path, np.uint8, "r", 8 + size)

    def __contains__(self, name):
        return name in self.entries

    def __getitem__(self, name):
        entry = self.entries[name]
        data = self.bytes[slice(*entry["data_offsets"])]
        if entry["dtype"] == "BF16":
            values = (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = data.view({"F32": np.float32, "F16": np.float16}[entry["dtype"]]).astype(np.float32)
        return values.reshape(entry["shape"])


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in CONFIGURATIONS:
        sys.exit(f"usage: checkpoints.py {'|'.join(CONFIGURATIONS)} FOLDER")
    write(*sys.argv[1:])
