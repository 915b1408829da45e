"""Models that have published numbers as their parameters."""

import math
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
        ran = subprocess.run([self.quench, "run", "--quick", str(path), "--input", f"in={source}", "--output", target, "--force"],
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


def product(a, b):
    return [[math.fsum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def transposed(a):
    return [list(row) for row in zip(*a)]


def tensor(*sizes):
    return "tensor<" + "".join(f"{n}x" for n in sizes) + "f64>"


def build_decoder(data, directory, tools, **scopes):
    """The published decoder, with grouped heads and rotary positions, and its input.
    Parameters of other scopes may be added."""
    c, p = data["config"], data["params"]
    d, h, g, k, f, t = (c[key] for key in ("D", "n_heads", "n_kv", "head_dim", "ff", "T"))
    x = tensor(t, d)
    model = Model(directory, {"model": p, **scopes}, *tools)
    body = [f"    %0 = quench.embedding %in, %emb : (tensor<{t}xi64>, {kind(p['emb'])}) -> {x}",
            f"    %x = tensor.expand_shape %0 [[0, 1], [2]] output_shape [1, {t}, {d}] : {x} into {tensor(1, t, d)}"]
    x = tensor(1, t, d)

    def norm(result, value, gain):
        body.append(f"    %{result} = quench.rms_norm %{value} gamma %{gain} eps {c['eps']:e}"
                    f" : ({x}, {tensor(d)}) -> {x} loc(\"{gain}\")")

    def linear(result, value, weight):
        out, width = shape(p[weight])
        body.append(f"    %{result} = quench.linear %{value}, %{weight} : ({tensor(1, t, width)}, {kind(p[weight])})"
                    f" -> {tensor(1, t, out)} loc(\"{weight}\")")

    frequencies = ", ".join(f"{c['rope_theta'] ** (-2 * i / k):.17e}" for i in range(k // 2))
    table = tensor(t, k // 2)
    body += [f"    %pos = quench.positions %in dim 0 : tensor<{t}xi64> -> tensor<{t}xi64>",
             f"    %cos, %sin = quench.rope_table %pos {{inv_freq = array<f64: {frequencies}>, element_type = f64}}"
             f" : (tensor<{t}xi64>) -> ({table}, {table})"]
    norm("n1", "x", "g1")
    for name, heads in ("q", h), ("k", g), ("v", g):
        linear(f"{name}0", "n1", f"W{name}")
        body.append(f"    %{name}1 = tensor.expand_shape %{name}0 [[0], [1], [2, 3]] output_shape [1, {t}, {heads}, {k}]"
                    f" : {tensor(1, t, heads * k)} into {tensor(1, t, heads, k)}")
        if name != "v":
            body.append(f"    %{name}2 = quench.rope %{name}1, %cos, %sin half"
                        f" : ({tensor(1, t, heads, k)}, {table}, {table}) -> {tensor(1, t, heads, k)}")
    queries, keys = tensor(1, t, h, k), tensor(1, t, g, k)
    body += [f"    %a = quench.attention %q2, %k2, %v1 scale {k ** -0.5} causal : ({queries}, {keys}, {keys}) -> {queries}",
             f"    %o0 = tensor.collapse_shape %a [[0], [1], [2, 3]] : {queries} into {tensor(1, t, h * k)}"]
    linear("o", "o0", "Wo")
    body.append(f"    %x1 = quench.add %x, %o residual : ({x}, {x}) -> {x}")
    norm("n2", "x1", "g2")
    linear("gate", "n2", "Wg")
    linear("up", "n2", "Wu")
    body.append(f"    %z = quench.gated %gate, %up by silu : {tensor(1, t, f)}")
    linear("down", "z", "Wd")
    body.append(f"    %x2 = quench.add %x1, %down residual : ({x}, {x}) -> {x}")
    norm("n3", "x2", "gf")
    linear("out", "n3", "Wh")
    model.write(f"tensor<{t}xi64>", tensor(1, t, c["vocab"]), body)
    return model, integers(c["ids"])


def build_mamba(data, directory, tools, **scopes):
    """The published Mamba block between an embedding and a head of ones, and its
    input. Parameters of other scopes may be added."""
    c, p = data["config"], dict(data["params"])
    d, e, n, r, t = (c[key] for key in ("d_model", "d_inner", "d_state", "dt_rank", "L"))
    p.update(table=data["x"], head=[[float(i == j) for j in range(d)] for i in range(d)])
    x, u, s = tensor(1, t, d), tensor(1, t, e), tensor(1, t, n)
    model = Model(directory, {"model": p, **scopes}, *tools)

    def linear(result, value, weight, width, bias=None):
        out, size = shape(p[weight])
        more = f" bias %{bias}" if bias else ""
        types = f", {kind(p[bias])}" if bias else ""
        return (f"    %{result} = quench.linear %{value}, %{weight}{more} : ({tensor(1, t, size)}, {kind(p[weight])}{types})"
                f" -> {tensor(1, t, out)} loc(\"{weight}\")")

    model.write(f"tensor<{1}x{t}xi64>", x, [
        f"    %0 = quench.embedding %in, %table : (tensor<1x{t}xi64>, {kind(p['table'])}) -> {x}",
        f"    %1 = quench.rms_norm %0 gamma %g eps {c['rms_eps']:e} : ({x}, {tensor(d)}) -> {x}",
        linear("2", "1", "W_in_x", d), linear("3", "1", "W_in_z", d),
        f"    %4, %5 = quench.causal_conv1d %2, %conv_w bias %conv_b : ({u}, {kind(p['conv_w'])}, {tensor(e)})"
        f" -> ({u}, {tensor(1, c['d_conv'] - 1, e)})",
        f"    %6 = quench.silu %4 : {u}",
        linear("7", "6", "W_dt", e), linear("8", "7", "dt_w", r, "dt_b"),
        f"    %9 = quench.softplus %8 : {u}",
        linear("10", "6", "W_B", e), linear("11", "6", "W_C", e),
        f"    %12 = quench.exp %A_log : {kind(p['A_log'])}",
        f"    %13 = quench.neg %12 : {kind(p['A_log'])}",
        f"    %14, %15 = quench.selective_scan %6 delta %9 a %13 b %10 c %11 d %Dp"
        f" : ({u}, {u}, {kind(p['A_log'])}, {s}, {s}, {tensor(e)}) -> ({u}, {tensor(1, e, n)})",
        f"    %16 = quench.gated %3, %14 by silu : {u}",
        linear("17", "16", "W_out", e),
        f"    %18 = quench.add %0, %17 residual : ({x}, {x}) -> {x}",
        linear("out", "18", "head", d)])
    return model, integers([list(range(t))])


def check(name, actual, expected, limit=1e-12):
    expected = flat(expected)
    error = max(abs(a - b) for a, b in zip(actual, expected))
    good = len(actual) == len(expected) and error <= limit
    print(f"{name}: {'ok' if good else f'error {error}'}")
