"""Compares models that were scaled with published numbers.

    scale_vectors.py QUENCH QUENCH_OPT VECTORS DIRECTORY
"""

import json
import os
import pathlib
import re
import sys

from vector_model import add_probes, build_decoder, build_mamba, check, product, transposed

FOLD = "quench-fold-norm-affine"
LEARNED = "policy=import policy-options=keys="


def decoder(data, directory, tools):
    """All that OSTQuant learns of a decoder: scales, rotations, and scales of norms
    behind these."""
    learned = {"Wq.S": data["s_qk_tied"], "Wv.S": data["s_ov"], "Wu.S": data["s_ud"],
               "g1.S": data["s_norm1"], "g2.S": data["s_norm2"], "R1": data["R1"], "R2": data["R2"]}
    model, ids = build_decoder(data, directory, tools, learned=learned)
    bind = f"quench-bind-archive=scope=learned file={directory}/learned.safetensors"
    reference = data["logits_ref"]
    scale = f"quench-scale-pair={LEARNED}SITE.S sites=^W"
    check("decoder scaled", model.run([bind, FOLD, scale], ids)[0], reference)
    text = model.transform([bind, FOLD, scale, f"quench-rotate-stream={LEARNED}R1",
                            f"quench-rotate-pair={LEARNED}R2",
                            f"quench-scale-pair={LEARNED}SITE.S kinds=norm add-gains"])
    print("norms with a gain:", len(re.findall(r"quench\.rms_norm %\S+ gamma", text)))
    actual = model.compute(add_probes(text), ids)
    check("rotated, norms scaled", actual["out"], reference)
    fused = dict(data["fused_OST"])
    # Published with the matrix of the down map's input in it.
    fused["Wd"] = product(fused["Wd"], data["R4"])
    for number, name in enumerate(["Wq", "Wk", "Wv", "Wo", "Wg", "Wu", "Wd", "Wh"]):
        check(f"  {name}", actual[f"w{number}"], transposed(fused[name]))


def mamba(data, directory, tools):
    """The gate, the state, the time step and the convolution of a Mamba block."""
    p = data["params"]
    learned = {"W_in_x.scale": data["s7"], "W_in_z.scale": data["s2"], "W_dt.scale": data["s5"],
               "W_B.scale": data["s4"]}
    model, ids = build_mamba(data, directory, tools, learned=learned)
    text = model.transform(["quench-scale-pair=policy=given kinds=linear,product,silu fuse-silu=gates"])
    actual = model.compute(add_probes(text), ids)
    check("mamba scaled", actual["out"], data["y_ref"])

    def rows(name, scales):
        return [[x / s for x in row] for row, s in zip(p[name], scales)]

    def columns(name, scales):
        return [[x * s for x, s in zip(row, scales)] for row in p[name]]

    expected = {"W_in_x": rows("W_in_x", data["s7"]), "W_in_z": rows("W_in_z", data["s2"]),
                "W_dt": rows("W_dt", data["s5"]), "dt_w": columns("dt_w", data["s5"]),
                "W_B": rows("W_B", data["s4"]),
                "W_C": [[x * s for x in row] for row, s in zip(p["W_C"], data["s4"])],
                "W_out": columns("W_out", data["s2"])}
    for number, (name, weight) in enumerate(expected.items()):
        check(f"  {name}", actual[f"w{number}"], transposed(weight))


def main():
    quench, opt, vectors, directory = sys.argv[1:]
    for function, file in (decoder, "quarot_ost_block"), (mamba, "mamba_block"):
        data = json.loads((pathlib.Path(vectors) / f"{file}.json").read_text())
        function(data, os.path.join(directory, file), (quench, opt))


main()
