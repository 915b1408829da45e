"""losses.py FOLDER: whether FOLDER/bad.json, a report about the model that
small_model.py wrote there with 8 bits and 3 in `second`, is right: everything
is computed anew by numpy.
"""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Models"))
import tensorfile

folder = sys.argv[1]
quantization = json.load(open(f"{folder}/bad.json"))["model"]["quantization"]
layers = quantization["layers"]
NAMES = ["first", "second", "third", "head"]


def read(path):
    tensors = tensorfile.load(path)[0]
    return {n: np.array(t.values()).reshape(t.shape) for n, t in tensors.items()}


def quantize(x, bits):
    most = 2 ** (bits - 1) - 1
    scale = np.abs(x).max(axis=-1, keepdims=True) / most
    return np.clip(np.rint(x / scale), -most - 1, most) * scale


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def level(x, y):
    return 10 * np.log10((x**2).sum() / ((y - x) ** 2).sum())


weights, x = read(f"{folder}/model.safetensors"), read(f"{folder}/data.safetensors")["x"]
bits = {"first": 8, "second": 3, "third": 8}


def run(quantized):
    """The inputs and outputs of all layers, of which `quantized` are so."""
    inputs, outputs, value = {}, {}, x
    for name in NAMES:
        inputs[name], weight = value, weights[f"{name}.weight"]
        if name in quantized:
            value, weight = (quantize(each, bits[name]) for each in (value, weight))
        outputs[name] = value @ weight.T
        value = gelu(outputs[name])
    return inputs, outputs


def error(outputs):
    return ((outputs["head"] - floats["head"]) ** 2).sum() / (floats["head"] ** 2).sum()


def find(layer, role):
    return next(o["sqnr"] for o in layer["operands"] if o["role"] == role)


worst, others = layers[0], layers[1:]
print(f"worst {worst['name']} of {len(layers)}")
measures = {
    "weight": lambda layer: find(layer, "weight"),
    "input": lambda layer: find(layer, "input"),
    "layer": lambda layer: layer["local_sqnr"],
    "alone": lambda layer: -layer["alone"]["share"],
    "all but it": lambda layer: layer["without"]["share"],
}
print(
    "three bits lose most:",
    ", ".join(n for n, f in measures.items() if f(worst) < min(map(f, others))),
)
saved = sum(layer["float_bytes"] - layer["bytes"] for layer in layers)
if quantization["float_bytes"] - quantization["bytes"] == saved:
    print("sizes add up")

inputs, floats = run([])
quantized = run(list(bits))[1]
for layer in layers:
    name = layer["name"]
    weight = weights[f"{name}.weight"]
    codes = quantize(weight, bits[name])
    expected = {
        "weight": (level(weight, codes), find(layer, "weight")),
        "input": (
            level(inputs[name], quantize(inputs[name], bits[name])),
            find(layer, "input"),
        ),
        "layer": (
            level(floats[name], quantize(inputs[name], bits[name]) @ codes.T),
            layer["local_sqnr"],
        ),
        "output": (level(floats[name], quantized[name]), layer["output_sqnr"]),
    }
    for what, (right, found) in expected.items():
        assert abs(right - found) < 0.02, (name, what, right, found)
    others = [other for other in bits if other != name]
    for key, on in (("alone", [name]), ("without", others)):
        right, found = error(run(on)[1]), layer[key]["error"]
        assert abs(right - found) < 0.02 * right, (name, key, right, found)
    assert layer["bytes"] == (weight.size * bits[name] + 7) // 8 + 4 * len(weight)
print("weights, inputs, layers, outputs: as numpy has them")
