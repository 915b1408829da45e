"""Models that have published numbers as their parameters."""

import os
import pathlib
import re
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


def integers(data):
    return Tensor.of("I64", shape(data), flat(data))


class Model:
    """A model of one entry point, `f`; `params` are tensors by scope and name."""

    def __init__(self, directory, params, quench, opt):
        self.directory, self.params = pathlib.Path(directory), params
        self.quench, self.opt = quench, opt
        os.makedirs(directory, exist_ok=True)
        for scope, tensors in params.items():
            tensorfile.save(str(self.directory / f"{scope}.safetensors"),
                            {name: Tensor.of("F64", shape(t), flat(t)) for name, t in tensors.items()})

    def write(self, argument, result, body):
        """The function of `%in` that gives `%out`; parameters have their names."""
        lines = []
        for name, data in self.params["model"].items():
            lines.append(f'    %{name} = quench.param <"model"::"{name}"> : {kind(data)}')
        archives = ", ".join(f'{scope} = "{scope}.safetensors"' for scope in self.params)
        self.text = "\n".join([
            f"module attributes {{quench.archives = {{{archives}}}}} {{",
            f'  func.func @f(%in: {argument} {{quench.name = "in"}}) -> ({result} {{quench.name = "out"}}) '
            "attributes {quench.entry} {", *lines, *body, f"    return %out : {result}", "  }", "}"])

    def transform(self, passes):
        """The text of the model after `passes`."""
        made = subprocess.run([self.opt, "-", *(f"--{p}" for p in passes), "--mlir-print-debuginfo"],
                              input=self.text, text=True, capture_output=True)
        if made.returncode:
            sys.exit(made.stderr)
        return made.stdout

    def compute(self, text, value):
        """What the model `text` makes of `value`, outputs by name."""
        path = self.directory / "model.mlir"
        path.write_text(text)
        source, target = str(self.directory / "in.safetensors"), str(self.directory / "out.safetensors")
        tensorfile.save(source, {"in": value})
        ran = subprocess.run([self.quench, "run", str(path), "--input", f"in={source}", "--output", target, "--force"],
                             text=True, capture_output=True)
        if ran.returncode:
            sys.exit(text + ran.stderr)
        return {name: list(tensor.values()) for name, tensor in tensorfile.load(target)[0].items()}

    def run(self, passes, value):
        """The output for the input `value` after `passes`, and the text."""
        text = self.transform(passes)
        return self.compute(text, value)["out"], text


def add_probes(text):
    """`text` with the weight of every linear layer, in their order, as the outputs
    `w0`, `w1`, ...: each turned `[in, out]`."""
    lines, results = [], []
    for number, (weight, size, out) in enumerate(re.findall(
            r"quench\.linear %\S+, (%[\w#]+).*?, tensor<(\d+x\d+)xf64>.*?-> tensor<.*?x?(\d+)xf64>", text)):
        count = int(size.split("x")[1])
        eye = [[float(i == j) for j in range(count)] for i in range(count)]
        result = f"tensor<{count}x{out}xf64>"
        lines += [f"    %eye{number} = arith.constant dense<{eye}> : {kind(eye)}",
                  f"    %w{number} = quench.linear %eye{number}, {weight} : ({kind(eye)}, tensor<{size}xf64>) -> {result}"]
        results.append((f"%w{number}", result, f"w{number}"))
    values = "".join(f", {value}" for value, _, _ in results)
    types = "".join(f", {result}" for _, result, _ in results)
    named = "".join(f', {result} {{quench.name = "{name}"}}' for _, result, name in results)
    text = re.sub(r"( *)return (%\S+) : ([^\n]*?)( loc.*)?\n",
                  lambda m: "\n".join(lines) + f"\n{m[1]}return {m[2]}{values} : {m[3]}{types}\n", text)
    return re.sub(r'(-> \(tensor<[^>]*> \{quench\.name = "out"\})', lambda m: m[1] + named, text)


def check(name, actual, expected, limit=1e-12):
    expected = flat(expected)
    error = max(abs(a - b) for a, b in zip(actual, expected))
    good = len(actual) == len(expected) and error <= limit
    print(f"{name}: {'ok' if good else f'error {error}'}")
