#!/usr/bin/env python3
# ===- mobilevit.py - Tiny MobileViT checkpoints with references ----------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes the fixtures mobilevit and mobilevit-bare of test/Models.

A checkpoint has the names and shapes of transformers' MobileViT, with random
weights, norms and running statistics. The references are computed here, in f64
with numpy: convolutions tap by tap on maps with their channels first, batch
norms after them.
"""

import json
import math
import os

import numpy as np

import tensorfile

CONFIG = dict(model_type="mobilevit", num_channels=3, image_size=[58, 128],
              patch_size=2, hidden_sizes=[12, 12, 20],
              neck_hidden_sizes=[8, 8, 8, 16, 16, 16, 24],
              num_attention_heads=2, mlp_ratio=1.5, expand_ratio=1.5,
              hidden_act="silu", conv_kernel_size=3, output_stride=32,
              layer_norm_eps=1e-5, qkv_bias=True, dtype="float32")


def make_divisible(value):
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Model:
    """Runs on parameters that it makes up when they are first asked for."""

    def __init__(self, config, prefix, seed):
        self.config, self.prefix = config, prefix
        self.random = np.random.default_rng(seed)
        self.parameters = {}

    def get(self, name, shape, low=None, high=None):
        """Normal with the deviation of a layer, or uniform."""
        if name not in self.parameters:
            if low is not None:
                value = self.random.uniform(low, high, shape)
            else:
                deviation = 1.2 / math.sqrt(math.prod(shape[1:])) if len(
                    shape) > 1 else 0.3
                value = self.random.normal(0, deviation, shape)
            self.parameters[name] = value.astype(np.float32)
        return self.parameters[name].astype(np.float64)

    def act(self, x):
        return (x * sigmoid(x) if self.config["hidden_act"] == "silu" else
                np.maximum(x, 0))

    def conv(self, name, x, out, kernel, stride=1, groups=1, norm=True,
             act=True):
        batch, channels, height, width = x.shape
        weight = self.get(f"{name}.convolution.weight",
                          (out, channels // groups, kernel, kernel))
        pad = (kernel - 1) // 2
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        rows = (height + 2 * pad - kernel) // stride + 1
        columns = (width + 2 * pad - kernel) // stride + 1
        y = np.zeros((batch, out, rows, columns))
        for i in range(kernel):
            for j in range(kernel):
                seen = x[:, :, i:i + stride * rows:stride,
                         j:j + stride * columns:stride][:, :, :rows, :columns]
                if groups == 1:
                    y += np.einsum("bchw,oc->bohw", seen, weight[:, :, i, j])
                else:
                    y += seen * weight[None, :, 0, i, j, None, None]
        if norm:
            name = f"{name}.normalization"
            gamma = self.get(f"{name}.weight", (out,), 0.5, 1.5)
            beta = self.get(f"{name}.bias", (out,))
            mean = self.get(f"{name}.running_mean", (out,))
            variance = self.get(f"{name}.running_var", (out,), 0.5, 1.5)
            shape = (1, out, 1, 1)
            y = ((y - mean.reshape(shape)) /
                 np.sqrt(variance.reshape(shape) + 1e-5) *
                 gamma.reshape(shape) + beta.reshape(shape))
        return self.act(y) if act else y

    def inverted_residual(self, name, x, out, stride):
        channels = x.shape[1]
        wide = make_divisible(round(channels * self.config["expand_ratio"]))
        y = self.conv(f"{name}.expand_1x1", x, wide, 1)
        y = self.conv(f"{name}.conv_3x3", y, wide, 3, stride, groups=wide)
        y = self.conv(f"{name}.reduce_1x1", y, out, 1, act=False)
        return x + y if stride == 1 and channels == out else y

    def linear(self, name, x, out, bias=True):
        y = x @ self.get(f"{name}.weight", (out, x.shape[-1])).T
        return y + self.get(f"{name}.bias", (out,)) if bias else y

    def layer_norm(self, name, x):
        width = x.shape[-1]
        mean = x.mean(-1, keepdims=True)
        variance = x.var(-1, keepdims=True)
        x = (x - mean) / np.sqrt(variance + self.config["layer_norm_eps"])
        return (x * self.get(f"{name}.weight", (width,), 0.5, 1.5) +
                self.get(f"{name}.bias", (width,)))

    def transformer(self, name, x):
        batch, tokens, width = x.shape
        heads = self.config["num_attention_heads"]
        y = self.layer_norm(f"{name}.layernorm_before", x)

        def project(part):
            z = self.linear(f"{name}.attention.attention.{part}", y, width,
                            self.config["qkv_bias"])
            return z.reshape(batch, tokens, heads, -1).transpose(0, 2, 1, 3)

        query, key, value = map(project, ("query", "key", "value"))
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(width // heads)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        context = scores / scores.sum(-1, keepdims=True) @ value
        context = context.transpose(0, 2, 1, 3).reshape(batch, tokens, width)
        x = x + self.linear(f"{name}.attention.output.dense", context, width)
        y = self.layer_norm(f"{name}.layernorm_after", x)
        y = self.act(self.linear(f"{name}.intermediate.dense", y,
                                 int(width * self.config["mlp_ratio"])))
        return x + self.linear(f"{name}.output.dense", y, width)

    def mobilevit_layer(self, name, x, out, hidden, layers):
        x = self.inverted_residual(f"{name}.downsampling_layer", x, out, 2)
        kernel, patch = (self.config[key]
                         for key in ("conv_kernel_size", "patch_size"))
        y = self.conv(f"{name}.conv_kxk", x, out, kernel)
        y = self.conv(f"{name}.conv_1x1", y, hidden, 1, norm=False, act=False)
        batch, _, height, width = y.shape
        # A sequence has the pixels at one place of all patches.
        tokens = np.zeros((batch * patch * patch,
                           height // patch * (width // patch), hidden))
        for b in range(batch):
            for i in range(height):
                for j in range(width):
                    place = i % patch * patch + j % patch
                    token = i // patch * (width // patch) + j // patch
                    tokens[b * patch * patch + place, token] = y[b, :, i, j]
        for i in range(layers):
            tokens = self.transformer(f"{name}.transformer.layer.{i}", tokens)
        tokens = self.layer_norm(f"{name}.layernorm", tokens)
        for b in range(batch):
            for i in range(height):
                for j in range(width):
                    place = i % patch * patch + j % patch
                    token = i // patch * (width // patch) + j // patch
                    y[b, :, i, j] = tokens[b * patch * patch + place, token]
        y = self.conv(f"{name}.conv_projection", y, out, 1)
        return self.conv(f"{name}.fusion", np.concatenate([x, y], 1), out,
                         kernel)

    def run(self, x):
        """The last feature map."""
        neck, hidden = (self.config[key]
                        for key in ("neck_hidden_sizes", "hidden_sizes"))
        name = f"{self.prefix}encoder.layer"
        x = self.conv(f"{self.prefix}conv_stem", x, neck[0], 3, 2)
        x = self.inverted_residual(f"{name}.0.layer.0", x, neck[1], 1)
        for i in range(3):
            x = self.inverted_residual(f"{name}.1.layer.{i}", x, neck[2],
                                       2 if i == 0 else 1)
        for i, layers in enumerate((2, 4, 3)):
            x = self.mobilevit_layer(f"{name}.{i + 2}", x, neck[i + 3],
                                     hidden[i], layers)
        return self.conv(f"{self.prefix}conv_1x1_exp", x, neck[6], 1)


def to_tensors(arrays):
    return {name: tensorfile.Tensor("F32", array.shape,
                                    array.astype("<f4").tobytes())
            for name, array in arrays.items()}


def write(name, config, prefix, labels, batches, seed):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    os.makedirs(folder, exist_ok=True)
    model = Model(config, prefix, seed)
    for batch in batches:
        pixels = np.random.default_rng(batch).normal(
            0, 1, (batch, config["num_channels"], *config["image_size"]))
        pixels = pixels.astype(np.float32)
        feature = model.run(pixels.astype(np.float64))
        pooled = feature.mean((2, 3))
        outputs = ({"logits": model.linear("classifier", pooled, labels)}
                   if labels else {"last_hidden_state": feature,
                                   "pooler_output": pooled})
        tensorfile.save(
            os.path.join(folder, f"b{batch}-t{feature[0, 0].size}.safetensors"),
            to_tensors({"pixel_values": pixels, **outputs}),
            {"outputs": ",".join(outputs)})
    tensors = to_tensors(model.parameters)
    for key in list(tensors):
        if key.endswith("running_var"):
            tensors[key.replace("running_var", "num_batches_tracked")] = (
                tensorfile.Tensor.of("I64", (), [7]))
    tensorfile.save(os.path.join(folder, "model.safetensors"), tensors,
                    {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as stream:
        json.dump(config, stream, indent=2)
        stream.write("\n")


def main():
    write("mobilevit",
          {"architectures": ["MobileViTForImageClassification"], **CONFIG},
          "mobilevit.", 7, (1, 3), seed=1)
    # Other options, and sides that convolutions of stride 2 do not divide.
    write("mobilevit-bare",
          {"architectures": ["MobileViTModel"], **CONFIG, "num_channels": 1,
           "image_size": [58, 62], "qkv_bias": False, "expand_ratio": 1.4,
           "hidden_act": "relu", "conv_kernel_size": 1}, "", 0, (2,), seed=2)


if __name__ == "__main__":
    main()
