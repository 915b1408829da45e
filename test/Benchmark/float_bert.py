#!/usr/bin/env python3
"""Speed of a float BERT build against onnxruntime in fp32, in one run.

Usage: float_bert.py EXECUTABLE MODEL_DIR [--batch 1] [--length 128] [--threads 1]
                     [--rounds 7]

Both sides run in turn, round by round; a round's figure is the median of its
calls. onnxruntime runs the plain graph and the graph that its own transformer
optimizer makes of it, and the faster one counts. Prints one markdown table.
tools/benchmark.sh makes the environment that this needs.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime
from onnxruntime.transformers import optimizer
from safetensors.numpy import load_file, save_file

from bert_to_onnx import bert_to_onnx

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("executable")
parser.add_argument("model")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--length", type=int, default=128)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=7)
arguments = parser.parse_args()

work = pathlib.Path(tempfile.mkdtemp())
config = json.loads((pathlib.Path(arguments.model) / "config.json").read_text())
random = np.random.default_rng(7)
inputs = {
    "input_ids": random.integers(
        0, config["vocab_size"], (arguments.batch, arguments.length), np.int64
    ),
    "attention_mask": np.ones((arguments.batch, arguments.length), np.int64),
}
save_file(inputs, work / "inputs.safetensors")

bert_to_onnx(arguments.model, work / "plain.onnx")
optimizer.optimize_model(
    str(work / "plain.onnx"),
    "bert",
    num_heads=config["num_attention_heads"],
    hidden_size=config["hidden_size"],
    opt_level=0,
).save_model_to_file(str(work / "optimized.onnx"))


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def peer_round(peer, calls=20):
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        peer.run(["last_hidden_state"], inputs)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


command = [arguments.executable, "--threads", str(arguments.threads)]
for name in inputs:
    command += ["--input", f"{name}={work / 'inputs.safetensors'}"]


def own_round():
    text = subprocess.run(
        command + ["--bench", "20"], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"median\s*:?\s*([0-9.]+)\s*ms", text).group(1))


subprocess.run(command + ["--output", str(work / "out.safetensors")], check=True)
own = load_file(work / "out.safetensors")["last_hidden_state"]
peers = {"plain": session(work / "plain.onnx"), "optimized": session(work / "optimized.onnx")}
other = peers["plain"].run(["last_hidden_state"], inputs)[0]
difference = np.abs(own - other).max() / np.abs(other).max()

rounds = {"quench": [], **{f"onnxruntime {name}": [] for name in peers}}
for _ in range(arguments.rounds):
    for name, peer in peers.items():
        rounds[f"onnxruntime {name}"].append(peer_round(peer))
    rounds["quench"].append(own_round())

print(
    f"batch {arguments.batch}, {arguments.length} tokens, {arguments.threads} thread(s), "
    f"{arguments.rounds} rounds; onnxruntime {onnxruntime.__version__}; "
    f"outputs differ by {difference:.1e}\n"
)
best = min((n for n in rounds if n != "quench"), key=lambda n: statistics.median(rounds[n]))
ratios = [b / a for a, b in zip(rounds["quench"], rounds[best])]
print("| | median ms | least | most | speed, onnxruntime's best = 1 |\n|---|---|---|---|---|")
for name, values in rounds.items():
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})" if name == "quench" else ""
    print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} | {ratio} |")
