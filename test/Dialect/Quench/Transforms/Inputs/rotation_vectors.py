"""Compares models that were rotated with published numbers.

    rotation_vectors.py QUENCH QUENCH_OPT VECTORS DIRECTORY
"""

import json
import math
import os
import pathlib
import sys

from vector_model import Model, add_probes, check, integers, kind, shape

FOLD = "quench-fold-norm-affine"
STREAM = "quench-rotate-stream=policy=hadamard"
PAIR = "quench-rotate-pair=policy=hadamard"


def product(a, b):
    return [[math.fsum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def transposed(a):
    return [list(row) for row in zip(*a)]


def tensor(*sizes):
    return "tensor<" + "".join(f"{n}x" for n in sizes) + "f64>"


def hadamard(order):
    return [[(-1) ** (i & j).bit_count() / math.sqrt(order) for j in range(order)] for i in range(order)]


def decoder(data, directory, tools):
    """A decoder with grouped heads and rotary positions: what is computed stays, and
    the weights become the published ones."""
    c, p = data["config"], data["params"]
    d, h, g, k, f, t = (c[key] for key in ("D", "n_heads", "n_kv", "head_dim", "ff", "T"))
    x = tensor(t, d)
    model = Model(directory, {"model": p}, *tools)
    body = [f"    %0 = quench.embedding %in, %emb : (tensor<{t}xi64>, {kind(p['emb'])}) -> {x}",
            f"    %x = tensor.expand_shape %0 [[0, 1], [2]] output_shape [1, {t}, {d}] : {x} into {tensor(1, t, d)}"]
    x = tensor(1, t, d)

    def norm(result, value, gain):
        body.append(f"    %{result} = quench.rms_norm %{value} gamma %{gain} eps {c['eps']:e}"
                    f" : ({x}, {tensor(d)}) -> {x}")

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

    ids = integers(c["ids"])
    reference = data["logits_ref"]
    check("decoder", model.run([], ids)[0], reference)
    check("stream rotated", model.run([FOLD, STREAM], ids)[0], reference)
    check("values rotated", model.run([PAIR], ids)[0], reference)
    actual = model.compute(add_probes(model.transform([FOLD, STREAM, PAIR])), ids)
    check("both", actual["out"], reference)
    fused = dict(data["fused_QuaRot"])
    # Published with the matrix of the down map's input in it.
    fused["Wd"] = product(fused["Wd"], data["R4"])
    # Published with the Hadamard matrix across heads in it.
    across = [[data["cross_head"][i // k][j // k] * (i % k == j % k) for j in range(h * k)] for i in range(h * k)]
    fused["Wo"] = product(fused["Wo"], across)
    # Published with random signs in the rotation of the stream.
    signs = product(transposed(data["R1"]), hadamard(d))
    for name in fused:
        if name in ("Wo", "Wd"):
            fused[name] = product(transposed(signs), fused[name])
        elif name.startswith("W"):
            fused[name] = product(fused[name], signs)
    for number, name in enumerate(["Wq", "Wk", "Wv", "Wo", "Wg", "Wu", "Wd", "Wh"]):
        check(f"  {name}", actual[f"w{number}"], transposed(fused[name]))


def mamba(data, directory, tools):
    """A Mamba block between an embedding and a head of ones: its stream, and the
    factors of the time step."""
    c, p = data["config"], dict(data["params"])
    d, e, n, r, t = (c[key] for key in ("d_model", "d_inner", "d_state", "dt_rank", "L"))
    p.update(table=data["x"], head=[[float(i == j) for j in range(d)] for i in range(d)])
    x, u, s = tensor(1, t, d), tensor(1, t, e), tensor(1, t, n)
    model = Model(directory, {"model": p}, *tools)

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
    ids = integers([list(range(t))])
    check("mamba", model.run([], ids)[0], data["y_ref"])
    check("stream rotated", model.run([FOLD, STREAM], ids)[0], data["y_ref"])
    actual, text = model.run([FOLD, STREAM, PAIR], ids)
    check("time step rotated", actual, data["y_ref"])
    print(f"weights of order {r}: {text.count(f'by(#quench.hadamard<{r}>)')}")


def main():
    quench, opt, vectors, directory = sys.argv[1:]
    for function, file in (decoder, "quarot_ost_block"), (mamba, "mamba_block"):
        data = json.loads((pathlib.Path(vectors) / f"{file}.json").read_text())
        function(data, os.path.join(directory, file), (quench, opt))


main()
