#!/usr/bin/env python3
# ===- sparse_llama.py - An 8-billion-parameter checkpoint of holes -------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes the configuration and weights of an 8-billion-parameter LLaMA into a
folder. The weights are a sparse file: a valid header and 16 GB of holes."""

import json
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "Models"))
import tensorfile

VOCAB, HIDDEN, INNER, LAYERS, HEADS, GROUPS = 128256, 4096, 14336, 32, 32, 8
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "vocab_size": VOCAB, "hidden_size": HIDDEN, "intermediate_size": INNER,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": GROUPS, "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "torch_dtype": "bfloat16",
    "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
                     "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 8192},
    "tie_word_embeddings": False, "hidden_act": "silu"}


def get_shapes(layers):
    """The shapes of the weights by name."""
    keys = HIDDEN // HEADS * GROUPS
    shapes = {"model.embed_tokens.weight": [VOCAB, HIDDEN]}
    for i in range(layers):
        layer = f"model.layers.{i}."
        for name, shape in (("self_attn.q_proj", [HIDDEN, HIDDEN]),
                            ("self_attn.k_proj", [keys, HIDDEN]),
                            ("self_attn.v_proj", [keys, HIDDEN]),
                            ("self_attn.o_proj", [HIDDEN, HIDDEN]),
                            ("mlp.gate_proj", [INNER, HIDDEN]),
                            ("mlp.up_proj", [INNER, HIDDEN]),
                            ("mlp.down_proj", [HIDDEN, INNER]),
                            ("input_layernorm", [HIDDEN]),
                            ("post_attention_layernorm", [HIDDEN])):
            shapes[layer + name + ".weight"] = shape
    shapes["model.norm.weight"] = [HIDDEN]
    shapes["lm_head.weight"] = [VOCAB, HIDDEN]
    return shapes


def write_config(folder, layers):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "config.json"), "w") as stream:
        json.dump({**CONFIG, "num_hidden_layers": layers}, stream, indent=2)


def main():
    folder = sys.argv[1]
    write_config(folder, LAYERS)
    shapes = get_shapes(LAYERS)
    with open(os.path.join(folder, "model.safetensors"), "wb") as stream:
        size = tensorfile.write_header(
            stream, [(name, "BF16", shape, 2 * math.prod(shape))
                     for name, shape in shapes.items()])
        stream.truncate(stream.tell() + size)


if __name__ == "__main__":
    main()
