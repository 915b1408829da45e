#!/usr/bin/env python3
"""Speed of a BERT build against onnxruntime, in one run.

Usage: bert.py EXECUTABLE MODEL_DIR [--quantized EXECUTABLE] [--batch 1]
               [--length 128] [--threads 1] [--rounds 7] [--work FOLDER]

All sides run in turn, round by round; a round's figure is the median of its
calls. onnxruntime runs the plain graph and the graph that its own transformer
optimizer makes of it, and the faster one counts; against a quantized build it
runs what its own quantize_dynamic makes of both, with each of its settings, and
the one that is fastest in a first round counts. Cosines are to what onnxruntime
computes in fp32, of all outputs for tokens as one vector. Prints one markdown
table. tools/benchmark.sh makes the environment that this needs.
"""

import argparse
import itertools
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from safetensors.numpy import load_file, save_file

from bert_to_onnx import bert_to_onnx

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("executable")
parser.add_argument("model")
parser.add_argument("--quantized", help="a quantized build of the same model")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--length", type=int, default=128)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--work", help="keep the graphs here for the next run")
arguments = parser.parse_args()

work = pathlib.Path(arguments.work or tempfile.mkdtemp())
work.mkdir(parents=True, exist_ok=True)
config = json.loads((pathlib.Path(arguments.model) / "config.json").read_text())
random = np.random.default_rng(7)
inputs = {
    "input_ids": random.integers(
        0, config["vocab_size"], (arguments.batch, arguments.length), np.int64
    ),
    "attention_mask": np.ones((arguments.batch, arguments.length), np.int64),
}
save_file(inputs, work / "inputs.safetensors")


def make_graphs():
    if (work / "optimized.onnx").exists():
        return
    bert_to_onnx(arguments.model, work / "plain.onnx")
    optimizer.optimize_model(
        str(work / "plain.onnx"),
        "bert",
        num_heads=config["num_attention_heads"],
        hidden_size=config["hidden_size"],
        opt_level=0,
    ).save_model_to_file(str(work / "optimized.onnx"))


def make_quantized_graphs():
    """The names of the graphs that onnxruntime's quantizer makes."""
    names = []
    grid = itertools.product(["plain", "optimized"], [QuantType.QInt8, QuantType.QUInt8], [False, True])
    for graph, weights, per_channel in grid:
        names.append(f"{graph} {weights}{' per channel' if per_channel else ''}")
        path = work / f"{names[-1]}.onnx"
        if not path.exists():
            quantize_dynamic(
                work / f"{graph}.onnx",
                path,
                per_channel=per_channel,
                weight_type=weights,
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
            )
    return names


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(
        str(work / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
    )


def peer_round(peer, calls=20):
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        peer.run(["last_hidden_state"], inputs)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def own_command(executable):
    command = [executable, "--threads", str(arguments.threads)]
    for name in inputs:
        command += ["--input", f"{name}={work / 'inputs.safetensors'}"]
    return command


def own_round(executable):
    text = subprocess.run(
        own_command(executable) + ["--bench", "20"], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"median\s*:?\s*([0-9.]+)\s*ms", text).group(1))


def own_output(executable):
    path = work / "out.safetensors"
    subprocess.run(own_command(executable) + ["--output", str(path), "--force"], check=True, stdout=subprocess.DEVNULL)
    return load_file(path)["last_hidden_state"]


def peer_output(peer):
    return peer.run(["last_hidden_state"], inputs)[0]


def cosine(a, b):
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


make_graphs()
peers = {name: session(name) for name in ("plain", "optimized")}
reference = peer_output(peers["plain"])
outputs = {"quench": own_output(arguments.executable)}
difference = np.abs(outputs["quench"] - reference).max() / np.abs(reference).max()
rounds = {"quench": lambda: own_round(arguments.executable)}
if arguments.quantized:
    outputs["quench quantized"] = own_output(arguments.quantized)
    rounds["quench quantized"] = lambda: own_round(arguments.quantized)
    first = {}
    for name in make_quantized_graphs():
        peer = session(name)
        first[name] = (peer_round(peer, calls=5), peer)
    fastest = min(first, key=lambda name: first[name][0])
    peers[fastest] = first[fastest][1]
    del first
for name, peer in peers.items():
    outputs[f"onnxruntime {name}"] = peer_output(peer)
    rounds[f"onnxruntime {name}"] = lambda peer=peer: peer_round(peer)

times = {name: [] for name in rounds}
for _ in range(arguments.rounds):
    for name, run in rounds.items():
        times[name].append(run())

print(
    f"batch {arguments.batch}, {arguments.length} tokens, {arguments.threads} thread(s), "
    f"{arguments.rounds} rounds; onnxruntime {onnxruntime.__version__}; "
    f"float outputs differ by {difference:.1e}\n"
)


def median(name):
    return statistics.median(times[name])


floats = min(("onnxruntime plain", "onnxruntime optimized"), key=median)
rivals = {"quench": floats}
if arguments.quantized:
    rivals["quench quantized"] = f"onnxruntime {fastest}"
print("| | median ms | least | most | cosine to float | speed, onnxruntime's best = 1 |\n|---|---|---|---|---|---|")
for name, values in times.items():
    ratio = ""
    if name in rivals:
        ratios = [b / a for a, b in zip(values, times[rivals[name]])]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
    print(
        f"| {name} | {median(name):.2f} | {min(values):.2f} | {max(values):.2f} "
        f"| {cosine(outputs[name], reference):.5f} | {ratio} |"
    )
