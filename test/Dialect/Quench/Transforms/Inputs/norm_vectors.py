"""Compares models that passes rewrote with published numbers.

    norm_vectors.py QUENCH QUENCH_OPT VECTORS DIRECTORY

The numbers become the parameters of a model; what it computes after passes must be
what was published, and what `norms.json` says to be wrong must be far from it.
"""

import json
import os
import pathlib
import subprocess
import sys

import tensorfile
from tensorfile import Tensor


def flat(data):
    return [x for row in data for x in flat(row)] if isinstance(data, list) else [data]


def shape(data):
    return [len(data), *shape(data[0])] if isinstance(data, list) else []


def kind(data):
    return "tensor<" + "".join(f"{n}x" for n in shape(data)) + "f64>"


class Model:
    """A model of one entry point, `f`, with the parameters `params`."""

    def __init__(self, directory, params, quench, opt):
        self.directory, self.params = pathlib.Path(directory), params
        self.quench, self.opt = quench, opt
        os.makedirs(directory, exist_ok=True)
        for scope, tensors in params.items():
            tensorfile.save(str(self.directory / f"{scope}.safetensors"),
                            {name: Tensor.of("F64", shape(t), flat(t)) for name, t in tensors.items()})

    def write(self, argument, result, body):
        lines = []
        for name, data in self.params["model"].items():
            lines.append(f'    %{name} = quench.param <"model"::"{name}"> : {kind(data)}')
        archives = ", ".join(f'{scope} = "{scope}.safetensors"' for scope in self.params)
        self.text = "\n".join([
            f"module attributes {{quench.archives = {{{archives}}}}} {{",
            f'  func.func @f(%in: {argument} {{quench.name = "in"}}) -> ({result} {{quench.name = "out"}}) '
            "attributes {quench.entry} {", *lines, *body, f"    return %out : {result}", "  }", "}"])

    def run(self, passes, value):
        """The result for the input `value` after `passes`."""
        options = [f"--{p}" for p in passes]
        made = subprocess.run([self.opt, "-", *options, "--mlir-print-debuginfo"], input=self.text, text=True,
                              capture_output=True)
        if made.returncode:
            sys.exit(made.stderr)
        path = self.directory / "model.mlir"
        path.write_text(made.stdout)
        source, target = str(self.directory / "in.safetensors"), str(self.directory / "out.safetensors")
        tensorfile.save(source, {"in": value})
        ran = subprocess.run([self.quench, "run", str(path), "--input", f"in={source}", "--output", target, "--force"],
                             text=True, capture_output=True)
        if ran.returncode:
            sys.exit(made.stdout + ran.stderr)
        return list(tensorfile.load(target)[0]["out"].values()), made.stdout


def check(name, actual, expected, limit=1e-12):
    error = max(abs(a - b) for a, b in zip(actual, flat(expected)))
    good = len(actual) == len(flat(expected)) and error <= limit
    print(f"{name}: {'ok' if good else f'error {error}'}")


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
