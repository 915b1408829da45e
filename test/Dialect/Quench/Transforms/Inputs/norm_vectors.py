"""Compares models that passes rewrote with published numbers.

    norm_vectors.py QUENCH QUENCH_OPT VECTORS DIRECTORY

The numbers become the parameters of a model; what it computes after passes must be
what was published.
"""

import json
import os
import pathlib
import sys

from tensorfile import Tensor
from vector_model import Model, check, flat, kind, shape


def norms(data, directory, tools):
    """A block between an embedding and a head: gains and offsets are folded, its
    stream recentred."""
    d, eps = data["block"], data["eps"]
    names = {"gamma": "g", "beta": "b", "W1": "w1", "b1": "b1", "W2": "w2", "b2": "b2", "gamma_f": "gf",
             "beta_f": "bf", "Wh": "wh", "bh": "bh"}
    params = {short: d[name] for name, short in names.items()}
    params["table"] = d["x"]
    model = Model(directory, {"model": params}, *tools)
    t, c, i, o = len(d["x"]), len(d["gamma"]), len(d["b1"]), len(d["bh"])
    x, h, r = f"tensor<{t}x{c}xf64>", f"tensor<{t}x{i}xf64>", f"tensor<{t}x{o}xf64>"
    v = f"tensor<{c}xf64>"
    norm = f"eps {eps:e} : ({x}, {v}, {v}) -> {x}"
    model.write(f"tensor<{t}xi64>", r, [
        f"    %0 = quench.embedding %in, %table : (tensor<{t}xi64>, {x}) -> {x}",
        f"    %1 = quench.layer_norm %0 gamma %g beta %b {norm}",
        f"    %2 = quench.linear %1, %w1 bias %b1 : ({x}, {kind(d['W1'])}, {kind(d['b1'])}) -> {h}",
        f"    %3 = quench.gelu %2 by erf : {h}",
        f"    %4 = quench.linear %3, %w2 bias %b2 : ({h}, {kind(d['W2'])}, {v}) -> {x}",
        f"    %5 = quench.add %0, %4 residual : ({x}, {x}) -> {x}",
        f"    %6 = quench.layer_norm %5 gamma %gf beta %bf {norm}",
        f"    %out = quench.linear %6, %wh bias %bh : ({x}, {kind(d['Wh'])}, {kind(d['bh'])}) -> {r}"])
    ids = Tensor.of("I64", [t], list(range(t)))
    check("norms", model.run([], ids)[0], d["y_ref"])
    check("norms folded", model.run(["quench-fold-norm-affine"], ids)[0], d["y_ref"])
    actual, text = model.run(["quench-fold-norm-affine", "quench-layernorm-to-rmsnorm"], ids)
    check("norms recentred", actual, d["y_rms"])
    print(f"layer norms left: {text.count('quench.layer_norm')}")


def noise(data, directory, tools):
    """Quantized inputs of a linear layer with noise that its bias takes away."""
    model = Model(directory, {"model": {"w": data["W"], "b": data["b"], "s": data["scale"]},
                              "learned": {"fc.noise": data["N"]}}, *tools)
    x, r = kind(data["x"]), kind(data["y"])
    model.write(x, r, [
        f"    %0 = quench.fake_quant %in, %s by(#quench.uniform<i{data['bits']}>) : ({x}, tensor<f64>) -> {x}",
        f"    %out = quench.linear %0, %w bias %b : ({x}, {kind(data['W'])}, {kind(data['b'])}) -> {r} loc(\"fc\")"])
    value = Tensor.of("F64", shape(data["x"]), flat(data["x"]))
    check("noisyquant", model.run(["quench-noisy-bias=source=given"], value)[0], data["y"])


def main():
    quench, opt, vectors, directory = sys.argv[1:]
    for function, file in (norms, "norms"), (noise, "noisyquant"):
        data = json.loads((pathlib.Path(vectors) / f"{file}.json").read_text())
        function(data, os.path.join(directory, file), (quench, opt))


main()
