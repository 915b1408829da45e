#!/usr/bin/env python3
"""Speed of a BERT build against onnxruntime and OpenVINO, in one run.

Usage: bert.py EXECUTABLE MODEL_DIR [--quantized EXECUTABLE] [--batch 1]
               [--length 128] [--threads 1] [--rounds 7] [--work FOLDER]

All sides run in turn, round by round; a round's figure is the median of its
calls. Of the settings of a library (peers.py) the one that is fastest in a first
round counts. Cosines are to what onnxruntime computes in fp32, of all outputs
for tokens as one vector. Prints one markdown table. tools/benchmark.sh makes the
environment that this needs.
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
from safetensors.numpy import load_file, save_file

import peers
from bert_to_onnx import bert_to_onnx

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("executable")
parser.add_argument("model")
parser.add_argument("--quantized", help="a quantized build of the same model")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--length", type=int, default=128)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--calls", type=int, default=20, help="calls in a round")
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
if not (work / "plain.onnx").exists():
    bert_to_onnx(arguments.model, work / "plain.onnx")


def measure(run, calls):
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def fastest(candidates):
    """The name and the function of the fastest in one short round."""
    best = None
    for name, run in candidates:
        run()
        time_of = measure(run, max(3, arguments.calls // 4))
        if best is None or time_of < best[0]:
            best = time_of, name, run
    return best[1:]


def own_command(executable):
    command = [executable, "--threads", str(arguments.threads)]
    for name in inputs:
        command += ["--input", f"{name}={work / 'inputs.safetensors'}"]
    return command


def own_round(executable):
    text = subprocess.run(
        own_command(executable) + ["--bench", str(arguments.calls)], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"median\s*:?\s*([0-9.]+)\s*ms", text).group(1))


def own_output(executable):
    path = work / "out.safetensors"
    subprocess.run(own_command(executable) + ["--output", str(path), "--force"], check=True, stdout=subprocess.DEVNULL)
    return load_file(path)["last_hidden_state"]


def cosine(a, b):
    a, b = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


libraries = [
    library(work, config, inputs, "last_hidden_state", arguments.threads)
    for library in (peers.OnnxRuntime, peers.OpenVino)
]
reference = libraries[0].floats()[0][1]()
executables = {"quench": arguments.executable}
rivals = {"quench": [fastest(library.floats()) for library in libraries]}
if arguments.quantized:
    executables["quench quantized"] = arguments.quantized
    rivals["quench quantized"] = [fastest(library.quantized()) for library in libraries]

outputs, rounds = {}, {}
for name, executable in executables.items():
    outputs[name] = own_output(executable)
    rounds[name] = lambda executable=executable: own_round(executable)
    for rival, run in rivals[name]:
        outputs[rival] = run()
        rounds[rival] = lambda run=run: measure(run, arguments.calls)
difference = np.abs(outputs["quench"] - reference).max() / np.abs(reference).max()

times = {name: [] for name in rounds}
for _ in range(arguments.rounds):
    for name, run in rounds.items():
        times[name].append(run())

print(
    f"batch {arguments.batch}, {arguments.length} tokens, {arguments.threads} thread(s), "
    f"{arguments.rounds} rounds; {peers.VERSIONS}; float outputs differ by {difference:.1e}\n"
)


def median(name):
    return statistics.median(times[name])


print("| | median ms | least | most | cosine to float | speed, best peer = 1 |\n|---|---|---|---|---|---|")
for name, values in times.items():
    ratio = ""
    if name in rivals:
        best = min((rival for rival, _ in rivals[name]), key=median)
        ratios = [b / a for a, b in zip(values, times[best])]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
    print(
        f"| {name} | {median(name):.2f} | {min(values):.2f} | {max(values):.2f} "
        f"| {cosine(outputs[name], reference):.5f} | {ratio} |"
    )
