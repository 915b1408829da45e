#!/usr/bin/env python3
"""Speed of whole models against onnxruntime, OpenVINO and llama.cpp, in one run.

Usage: models.py MODEL [--schemes float W8A8 W4A8] [--batch 1] [--length 128]
                 [--attention i8] [--threads 1] [--rounds 7] [--calls 20]
                 [--group 128] [--zero-points] [--weight-method mse]
                 [--libraries onnxruntime openvino llama.cpp]
                 [--quench build/bin/quench] [--work FOLDER] [--reuse] [--plot FILE.svg]

MODEL is the folder of a BERT, ViT or LLaMA checkpoint, or the name of a published
configuration, which gets random weights (checkpoints.py). W4A8 has weights in
groups of --group, with a zero point each if asked for, whose codes --weight-method
chooses; those of patches have 8 bits.

All sides run in turn, round by round, on the first processors; a round's figure is
the median of its calls, ours those of a program that is started anew. Of the
settings of a library (peers.py) the one that is fastest in a first round counts.
Cosines are to what the first library that runs the model computes in f32, of all
outputs for tokens as one vector. Prints one markdown table; --plot writes its
ratios to the best peers as a plot. tools/benchmark.sh makes the environment that
this needs.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np
from safetensors.numpy import load_file, save_file

import checkpoints
import machine
import plot

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model")
parser.add_argument("--schemes", nargs="+", default=["float", "W8A8"], choices=["float", "W8A8", "W4A8"])
parser.add_argument("--attention", default="i8", choices=["float", "i8"], help="its operands, where linears have codes")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--length", type=int, default=128, help="tokens, of models of text")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--calls", type=int, default=20, help="calls in a round")
parser.add_argument("--group", type=int, default=128)
parser.add_argument("--zero-points", action="store_true", help="of groups of weights, as Q4_K has them")
parser.add_argument("--weight-method", default="mse")
parser.add_argument("--libraries", nargs="+")
parser.add_argument("--layers", type=int, help="of a published configuration, for a trial")
parser.add_argument("--quench", default="build/bin/quench")
parser.add_argument("--work", help="keep checkpoints, graphs and programs here for the next run")
parser.add_argument("--reuse", action="store_true", help="our programs, too, where the compiler has not changed")
parser.add_argument("--plot", help="the SVG file")
arguments = parser.parse_args()
machine.pin(arguments.threads)
# After that, since libraries look at how many processors there are.
import peers  # noqa: E402

OUTPUT = "last_hidden_state"
work = pathlib.Path(arguments.work or tempfile.mkdtemp())
work.mkdir(parents=True, exist_ok=True)
model = pathlib.Path(arguments.model)
if arguments.model in checkpoints.CONFIGURATIONS:
    model = checkpoints.write(arguments.model, work / "checkpoint", arguments.layers)
config = checkpoints.Checkpoint(model).config
family = config["model_type"]
random = np.random.default_rng(7)
if family == "vit":
    size = config["image_size"]
    shape = arguments.batch, config["num_channels"], size, size
    inputs = {"pixel_values": random.standard_normal(shape, np.float32)}
else:
    shape = arguments.batch, arguments.length
    inputs = {"input_ids": random.integers(0, config["vocab_size"], shape, np.int64)}
    if family == "bert":
        inputs["attention_mask"] = np.ones(shape, np.int64)
save_file(inputs, work / "inputs.safetensors")


def build(scheme):
    """The program; made anew unless told otherwise, since quench may have changed."""
    program = work / f"quench-{scheme}"
    if arguments.reuse and program.exists():
        return program
    command = [arguments.quench, "build", model, "-o", program, "--force"]
    if scheme != "float":
        command += ["--scheme", scheme + ("{attention=i8}" if arguments.attention == "i8" else "")]
    if scheme == "W4A8":
        codes = "u4, asymmetric" if arguments.zero_points else "i4"
        quantizer = f"#quench.uniform<{codes}, axis = 0, group = {arguments.group}>"
        command += ["--rule", f"*={quantizer} roles=weight method={arguments.weight_method}"]
        if family == "vit":
            # The peers, for whom it is a convolution, leave it in floats.
            command += ["--rule", "*.patch_embeddings.projection.weight=#quench.uniform<i8, axis = 0>"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return program


def own_command(program):
    command = [program, "--threads", str(arguments.threads)]
    if family == "llama":
        command += ["--entry", "prefill"]
    for name in inputs:
        command += ["--input", f"{name}={work / 'inputs.safetensors'}"]
    return command


def own_output(program):
    path = work / "out.safetensors"
    subprocess.run([*own_command(program), "--output", path, "--force"], check=True, stdout=subprocess.DEVNULL)
    return load_file(path)[OUTPUT]


libraries = [
    library(model, work, inputs, arguments.threads)
    for library in peers.LIBRARIES
    if family in library.families and library.name in (arguments.libraries or [library.name])
]
reference = libraries[0].floats()[0][1]()
outputs, rounds, rivals = {}, {}, {}
for scheme in arguments.schemes:
    name = f"quench {scheme}"
    program = build(scheme)
    outputs[name] = own_output(program)
    rounds[name] = lambda program=program: machine.bench(own_command(program), arguments.calls)
    rivals[name] = []
    for library in libraries:
        candidates = library.floats() if scheme == "float" else library.quantized(int(scheme[1]))
        rival, run = machine.fastest(candidates, max(1, arguments.calls // 4))
        outputs[rival] = run()
        rounds[rival] = lambda run=run: machine.measure(run, arguments.calls)
        rivals[name].append(rival)

times = {name: [] for name in rounds}
for _ in range(arguments.rounds):
    for name, run in rounds.items():
        times[name].append(run())

title = f"{arguments.model}, batch {arguments.batch}, {outputs[name].shape[1]} tokens, {arguments.threads} thread(s)"
print(f"{title}, {arguments.rounds} rounds; {peers.VERSIONS}")
if "quench float" in outputs:
    difference = np.abs(outputs["quench float"] - reference).max() / np.abs(reference).max()
    print(f"Float outputs differ by {difference:.1e}.")
print(f"\n| | ms | cosine to float | {plot.SPEED} |\n|---|---|---|---|")
bars = []
for name, values in times.items():
    ratio = ""
    if name in rivals:
        best = min(rivals[name], key=lambda rival: statistics.median(times[rival]))
        ratios = [b / a for a, b in zip(values, times[best])]
        ratio = machine.spread(ratios, ".2f")
        bars.append(plot.Bar.of(title, name, ratios))
    print(
        f"| {name} | {machine.spread(values, '.2f')} | {machine.cosine(outputs[name], reference):.5f} | {ratio} |"
    )
if arguments.plot:
    plot.write(arguments.plot, bars)
