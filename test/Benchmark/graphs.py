"""Writes BERT and ViT checkpoints as ONNX with standard operators (opset 20).

For the benchmark only: it gives onnxruntime the graph that its own exporters
would, without installing a training framework.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from checkpoints import Checkpoint

OUTPUT = "last_hidden_state"


class Graph:
    """Nodes and weights of a graph; every name is that of a value."""

    def __init__(self, checkpoint):
        self.weights, self.config = checkpoint, checkpoint.config
        self.hidden, self.heads = self.config["hidden_size"], self.config["num_attention_heads"]
        self.nodes, self.initializers = [], {}

    def constant(self, name, value):
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def op(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name, transpose=False):
        value = self.weights[name]
        return self.constant(name + (".T" if transpose else ""), value.T if transpose else value)

    def linear(self, x, prefix, name):
        product = self.op("MatMul", [x, self.weight(prefix + ".weight", True)], name + ".matmul")
        if prefix + ".bias" not in self.weights:
            return product
        return self.op("Add", [product, self.weight(prefix + ".bias")], name)

    def norm(self, x, prefix, name):
        return self.op(
            "LayerNormalization",
            [x, self.weight(prefix + ".weight"), self.weight(prefix + ".bias")],
            name,
            axis=-1,
            epsilon=self.config["layer_norm_eps"],
        )

    def split_heads(self, x, name, permutation):
        shape = self.constant("shape.heads", np.array([0, 0, self.heads, self.hidden // self.heads], np.int64))
        reshaped = self.op("Reshape", [x, shape], name + ".reshape")
        return self.op("Transpose", [reshaped], name, perm=permutation)

    def attention(self, x, prefix, name, mask=None):
        """The context, before the projection of the output."""
        q, k, v = (
            self.split_heads(self.linear(x, prefix + part, name + part), f"{name}{part}.heads", permutation)
            for part, permutation in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = self.op("MatMul", [q, k], name + "scores")
        scale = self.constant("scale", np.float32((self.hidden // self.heads) ** 0.5))
        scores = self.op("Div", [scores, scale], name + "scaled")
        if mask:
            scores = self.op("Add", [scores, mask], name + "masked")
        context = self.op("MatMul", [self.op("Softmax", [scores], name + "softmax", axis=-1), v], name + "context")
        context = self.op("Transpose", [context], name + "context.t", perm=[0, 2, 1, 3])
        flat = self.constant("shape.hidden", np.array([0, 0, self.hidden], np.int64))
        return self.op("Reshape", [context, flat], name + "context.flat")

    def save(self, inputs, output):
        """`inputs` are (name, type, shape)."""
        result = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", "sequence", self.hidden])
        graph = helper.make_graph(
            self.nodes,
            self.config["model_type"],
            [helper.make_tensor_value_info(*value) for value in inputs],
            [result],
            list(self.initializers.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        onnx.checker.check_model(model)
        onnx.save(model, output)


def bert_to_onnx(directory, output):
    g = Graph(Checkpoint(directory, "bert."))
    layers = g.config["num_hidden_layers"]
    shape = g.op("Shape", ["input_ids"], "shape")
    length = g.op("Gather", [shape, g.constant("one", np.array([1], np.int64))], "length")
    zero = g.constant("zero", np.array([0], np.int64))
    positions = g.op("Slice", [g.weight("embeddings.position_embeddings.weight"), zero, length], "positions")
    words = g.op("Gather", [g.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    kinds = g.constant("token_type", g.weights["embeddings.token_type_embeddings.weight"][0])
    x = g.op("Add", [g.op("Add", [words, kinds], "words.kinds"), positions], "embedded")
    x = g.norm(x, "embeddings.LayerNorm", "embeddings")
    mask = g.op("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    mask = g.op("Unsqueeze", [mask, g.constant("axes", np.array([1, 2], np.int64))], "mask.4d")
    mask = g.op("Sub", [g.constant("1f", np.float32(1)), mask], "mask.inverse")
    mask = g.op("Mul", [mask, g.constant("lowest", np.float32(np.finfo(np.float32).min))], "mask.bias")

    for i in range(layers):
        p, n = f"encoder.layer.{i}.", f"layer{i}."
        out = g.linear(g.attention(x, p + "attention.self.", n, mask), p + "attention.output.dense", n + "attention")
        x = g.norm(g.op("Add", [out, x], n + "join1"), p + "attention.output.LayerNorm", n + "norm1")
        inner = g.op("Gelu", [g.linear(x, p + "intermediate.dense", n + "inner")], n + "gelu")
        out = g.linear(inner, p + "output.dense", n + "outer")
        joined = g.op("Add", [out, x], n + "join2")
        x = g.norm(joined, p + "output.LayerNorm", OUTPUT if i + 1 == layers else n + "norm2")

    g.save([(n, TensorProto.INT64, ["batch", "sequence"]) for n in ("input_ids", "attention_mask")], output)


def vit_to_onnx(directory, output):
    g = Graph(Checkpoint(directory, "vit."))
    size, patch, channels = (g.config[key] for key in ("image_size", "patch_size", "num_channels"))
    patches = g.op(
        "Conv",
        [
            "pixel_values",
            g.weight("embeddings.patch_embeddings.projection.weight"),
            g.weight("embeddings.patch_embeddings.projection.bias"),
        ],
        "patches",
        kernel_shape=[patch, patch],
        strides=[patch, patch],
    )
    flat = g.constant("shape.patches", np.array([0, g.hidden, -1], np.int64))
    patches = g.op("Reshape", [patches, flat], "patches.flat")
    patches = g.op("Transpose", [patches], "patches.t", perm=[0, 2, 1])
    # One class token for each image: its row times as many ones.
    batch = g.op("Shape", ["pixel_values"], "batch", start=0, end=1)
    shape = g.op("Concat", [batch, g.constant("row", np.array([1, g.hidden], np.int64))], "shape.token", axis=0)
    token = g.op("Expand", [g.weight("embeddings.cls_token"), shape], "tokens")
    x = g.op("Concat", [token, patches], "sequence", axis=1)
    x = g.op("Add", [x, g.weight("embeddings.position_embeddings")], "embedded")

    for i in range(g.config["num_hidden_layers"]):
        p, n = f"encoder.layer.{i}.", f"layer{i}."
        normed = g.norm(x, p + "layernorm_before", n + "norm1")
        context = g.attention(normed, p + "attention.attention.", n)
        x = g.op("Add", [g.linear(context, p + "attention.output.dense", n + "attention"), x], n + "join1")
        normed = g.norm(x, p + "layernorm_after", n + "norm2")
        inner = g.op("Gelu", [g.linear(normed, p + "intermediate.dense", n + "inner")], n + "gelu")
        x = g.op("Add", [g.linear(inner, p + "output.dense", n + "outer"), x], n + "join2")
    g.norm(x, "layernorm", OUTPUT)

    g.save([("pixel_values", TensorProto.FLOAT, ["batch", channels, size, size])], output)


WRITERS = {"bert": bert_to_onnx, "vit": vit_to_onnx}
