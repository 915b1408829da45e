"""Writes a BERT checkpoint as ONNX with standard operators (opset 20).

For the benchmark only: it gives onnxruntime the graph that its own exporters
would, without installing a training framework.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file


def bert_to_onnx(directory, output):
    directory = pathlib.Path(directory)
    config = json.loads((directory / "config.json").read_text())
    weights = {
        k.removeprefix("bert."): v
        for k, v in load_file(directory / "model.safetensors").items()
    }
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    head = hidden // heads
    nodes, initializers = [], {}

    def constant(name, value):
        if name not in initializers:
            initializers[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def op(kind, inputs, name, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(name, transpose=False):
        value = weights[name].astype(np.float32)
        return constant(name + (".T" if transpose else ""), value.T if transpose else value)

    def linear(x, prefix, name):
        product = op("MatMul", [x, weight(prefix + ".weight", True)], name + ".matmul")
        return op("Add", [product, weight(prefix + ".bias")], name)

    def norm(x, prefix, name):
        return op(
            "LayerNormalization",
            [x, weight(prefix + ".weight"), weight(prefix + ".bias")],
            name,
            axis=-1,
            epsilon=config["layer_norm_eps"],
        )

    def split_heads(x, name, permutation):
        shape = constant("shape.heads", np.array([0, 0, heads, head], np.int64))
        reshaped = op("Reshape", [x, shape], name + ".reshape")
        return op("Transpose", [reshaped], name, perm=permutation)

    shape = op("Shape", ["input_ids"], "shape")
    length = op("Gather", [shape, constant("one", np.array([1], np.int64))], "length")
    zero = constant("zero", np.array([0], np.int64))
    positions = op("Slice", [weight("embeddings.position_embeddings.weight"), zero, length], "positions")
    words = op("Gather", [weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    kinds = constant("token_type", weights["embeddings.token_type_embeddings.weight"][0])
    x = op("Add", [op("Add", [words, kinds], "words.kinds"), positions], "embedded")
    x = norm(x, "embeddings.LayerNorm", "embeddings")
    mask = op("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    mask = op("Unsqueeze", [mask, constant("axes", np.array([1, 2], np.int64))], "mask.4d")
    mask = op("Sub", [constant("1f", np.float32(1)), mask], "mask.inverse")
    mask = op("Mul", [mask, constant("lowest", np.float32(np.finfo(np.float32).min))], "mask.bias")

    for i in range(config["num_hidden_layers"]):
        p, n = f"encoder.layer.{i}.", f"layer{i}."
        q = split_heads(linear(x, p + "attention.self.query", n + "q"), n + "q.heads", [0, 2, 1, 3])
        k = split_heads(linear(x, p + "attention.self.key", n + "k"), n + "k.heads", [0, 2, 3, 1])
        v = split_heads(linear(x, p + "attention.self.value", n + "v"), n + "v.heads", [0, 2, 1, 3])
        scores = op("MatMul", [q, k], n + "scores")
        scores = op("Div", [scores, constant("scale", np.float32(head**0.5))], n + "scaled")
        scores = op("Add", [scores, mask], n + "masked")
        context = op("MatMul", [op("Softmax", [scores], n + "softmax", axis=-1), v], n + "context")
        context = op("Transpose", [context], n + "context.t", perm=[0, 2, 1, 3])
        flat = constant("shape.hidden", np.array([0, 0, hidden], np.int64))
        context = op("Reshape", [context, flat], n + "context.flat")
        out = linear(context, p + "attention.output.dense", n + "attention")
        x = norm(op("Add", [out, x], n + "join1"), p + "attention.output.LayerNorm", n + "norm1")
        inner = op("Gelu", [linear(x, p + "intermediate.dense", n + "inner")], n + "gelu")
        out = linear(inner, p + "output.dense", n + "outer")
        x = norm(op("Add", [out, x], n + "join2"), p + "output.LayerNorm",
                 "last_hidden_state" if i + 1 == config["num_hidden_layers"] else n + "norm2")

    ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "sequence"])
           for n in ("input_ids", "attention_mask")]
    result = helper.make_tensor_value_info(
        "last_hidden_state", TensorProto.FLOAT, ["batch", "sequence", hidden])
    graph = helper.make_graph(nodes, "bert", ids, [result], list(initializers.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, output)
