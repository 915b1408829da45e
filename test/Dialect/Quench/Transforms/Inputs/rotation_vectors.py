"""Compares models that were rotated with published numbers.

    rotation_vectors.py QUENCH QUENCH_OPT VECTORS DIRECTORY
"""

import json
import math
import os
import pathlib
import sys

from vector_model import add_probes, build_decoder, build_mamba, check, product, transposed

FOLD = "quench-fold-norm-affine"
STREAM = "quench-rotate-stream=policy=hadamard"
PAIR = "quench-rotate-pair=policy=hadamard"


def hadamard(order):
    return [[(-1) ** (i & j).bit_count() / math.sqrt(order) for j in range(order)] for i in range(order)]


def decoder(data, directory, tools):
    """What is computed stays, and the weights become the published ones."""
    c = data["config"]
    d, h, k = c["D"], c["n_heads"], c["head_dim"]
    model, ids = build_decoder(data, directory, tools)
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
    """The stream of a Mamba block, and the factors of its time step."""
    r = data["config"]["dt_rank"]
    model, ids = build_mamba(data, directory, tools)
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
