#!/usr/bin/env python3
"""Speed of linears with packed weights, as ratios to the ceilings of the machine
and to the same linears of libraries.

Usage: linear.py [--shapes 128x768x3072 ...] [--schemes W8A8 W4A8/128 ...]
                 [--threads 1] [--rounds 7] [--cpu CPU] [--no-peers]
                 [--work FOLDER] [--plot FILE.svg]

A shape is rows x output x input channels. A scheme is W4A8, W8A8, W4A16 or W8A16,
then the size of a group; none is one scale for a channel.

Up to 8 rows go through a chain of so many linears that no cache holds them, so
the weights come from memory: the figure is the bandwidth of what has to be read,
codes and scales of f32, in parts of that of reading as much memory, and of reading
the file of the program. More rows go through up to 16 linears that all read them, as
many as make the call long: the figure is the rate of products, encoding of the
rows included, in parts of that of `vpdpbusd` and `tdpbusd` or, with floats, of
FMA.

All times are of the wall clock, ours and peers in turn, ceilings before and after
each; of both the better counts. Of a library (linear_peers.py) the setting
that is fastest in a first round counts. Cosines are to products in floats. Prints
one markdown table; --plot writes the ratios to the best peers as a plot.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import tempfile

import numpy as np
from safetensors.numpy import load_file, save_file

import machine
import plot

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--quench", default="build/bin/quench")
parser.add_argument("--shapes", nargs="+", default=["1x4096x4096", "128x4096x4096", "512x4096x4096"])
parser.add_argument("--schemes", nargs="+", default=["W4A8/128", "W4A16/128"])
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--cpu", help="as for quench build")
parser.add_argument("--layers", type=int, help="of a chain, instead of as many as fill the last cache twice")
parser.add_argument("--no-peers", action="store_true")
parser.add_argument("--clang", default="clang-22")
parser.add_argument("--work", help="keep the programs here for the next run")
parser.add_argument("--plot", help="the SVG file")
arguments = parser.parse_args()
if arguments.plot and arguments.no_peers:
    parser.error("--plot shows ratios to peers, found --no-peers")
machine.pin(arguments.threads)
# After that, since libraries look at how many processors there are.
import linear_peers  # noqa: E402

work = pathlib.Path(arguments.work or tempfile.mkdtemp())
work.mkdir(parents=True, exist_ok=True)
FEW_ROWS = 8
LEAST_OPERATIONS = 2e9  # Of a call with many rows, as far as 16 linears go.


class Case:
    """A scheme and a shape: our program, the peers and what was measured."""

    def __init__(self, scheme, shape):
        self.scheme, self.shape = scheme, shape
        bits, activations, group = re.fullmatch(r"W([48])A(8|16)(?:/(\d+))?", scheme).groups()
        rows, out, size = map(int, shape.split("x"))
        self.is_chain = rows <= FEW_ROWS
        if self.is_chain and out != size:
            parser.error(f"a chain of {shape} has other output than input channels")
        self.operations = 2 * rows * out * size
        if self.is_chain:
            count = arguments.layers or -(-2 * machine.last_cache_bytes() // (out * size * int(bits) // 8))
        else:
            count = int(np.clip(LEAST_OPERATIONS / self.operations, 1, 16))
        random = np.random.default_rng(5)
        # First, so that shapes that differ in rows alone share programs.
        base = random.standard_normal((out, size), np.float32) / np.float32(np.sqrt(size))
        self.linears = linear_peers.Linears(
            x=random.standard_normal((rows, size), np.float32),
            base=base,
            count=count,
            bits=int(bits),
            group=int(group or 0),
            activation_bits=int(activations),
            is_chain=self.is_chain,
        )
        self.calls = 3 if self.is_chain else 11
        self.program, self.input = self._build(self.linears)
        self.rounds = {"quench": lambda: machine.bench(self._command(self.program, self.input), self.calls)}
        self.cosines = self._cosines([])
        if not arguments.no_peers:
            for library in linear_peers.LIBRARIES:
                self._add_peer(library)
        self.times = {name: [] for name in self.rounds}
        self.ratios = {}

    def _add_peer(self, library):
        best = machine.fastest(library(self.linears, arguments.threads).candidates())
        if not best:
            return
        name, run = best
        self.rounds[name] = lambda: machine.measure(run, self.calls)
        self.cosines |= self._cosines([library])

    def _single(self):
        """One linear, whose result tells the error."""
        values = {**vars(self.linears), "count": 1, "is_chain": False}
        return linear_peers.Linears(**values)

    def _cosines(self, libraries):
        """By name, to the product in floats; ours without libraries."""
        single = self._single()
        expected = single.x @ single.base.T
        if libraries:
            return {
                name: machine.cosine(run(), expected)
                for library in libraries
                for name, run in library(single, arguments.threads).candidates()
                if name in self.rounds
            }
        program, source = self._build(single)
        output = work / "y.safetensors"
        subprocess.run(
            [*self._command(program, source), "--output", output, "--force"], check=True, stdout=subprocess.DEVNULL
        )
        return {"quench": machine.cosine(load_file(output)["y0"], expected)}

    def _command(self, program, source):
        return [program, "--threads", str(arguments.threads), "--input", f"x={source}"]

    def _build(self, linears):
        """The program and the file of its input."""
        rows, size = linears.x.shape
        out = len(linears.base)
        source = work / f"x-{rows}x{size}.safetensors"
        save_file({"x": linears.x}, source)
        name = "-".join(map(str, (self.scheme.replace("/", "-"), f"{out}x{size}x{linears.count}", arguments.cpu or "native")))
        program = work / name
        if program.exists():
            return program, source
        group = f", group = {linears.group}" if linears.group else ""
        codes, scales = linears.quantize()
        scales = scales if linears.group else scales[:, 0]
        dims = "x".join(map(str, scales.shape))
        weights = f"by(#quench.uniform<i{linears.bits}, axis = 0{group}>)"
        tokens = "by(#quench.uniform<i8, token>)"
        x, y = f"tensor<?x{size}xf32>", f"tensor<?x{out}xf32>"
        lines, tensors, source_value = [], {}, "%x"

        def encode(value):
            lines.append(f"{value}s = quench.dynamic_scale {value} {tokens} : ({x}) -> tensor<?xf32>")
            lines.append(f"{value}q = quench.fake_quant {value}, {value}s {tokens} : ({x}, tensor<?xf32>) -> {x}")
            return value + "q"

        def rows_of(value):
            return encode(value) if linears.activation_bits == 8 else value

        source_value = rows_of("%x")
        for i in range(linears.count):
            tensors[f"w{i}"], tensors[f"s{i}"] = (linears.turn(i, part) for part in (codes, scales))
            lines += [
                f'%w{i} = quench.param <"m"::"w{i}"> : tensor<{out}x{size}xi8>',
                f'%s{i} = quench.param <"m"::"s{i}"> : tensor<{dims}xf32>',
                f"%d{i} = quench.dequantize %w{i}, %s{i} {weights}"
                f" : (tensor<{out}x{size}xi8>, tensor<{dims}xf32>) -> tensor<{out}x{size}xf32>",
                f"%y{i} = quench.linear {source_value}, %d{i} : ({x}, tensor<{out}x{size}xf32>) -> {y}",
            ]
            if linears.is_chain and i + 1 < linears.count:
                source_value = rows_of(f"%y{i}")
        results = [linears.count - 1] if linears.is_chain else range(linears.count)
        save_file(tensors, work / "m.safetensors")
        dimension = 'quench.dims = ["rows"]'
        types = ", ".join(f'{y} {{quench.name = "y{i}", {dimension}}}' for i in results)
        (work / "m.mlir").write_text(
            'module @m attributes {quench.archives = {m = "m.safetensors"}, quench.symbols = {rows = [1]}} {\n'
            f'  func.func @f(%x: {x} {{quench.name = "x", {dimension}}}) -> ({types}) attributes {{quench.entry}} {{\n    '
            + "\n    ".join(lines)
            + f"\n    return {', '.join(f'%y{i}' for i in results)} : {', '.join(y for _ in results)}\n  }}\n}}\n"
        )
        command = [arguments.quench, "build", work / "m.mlir", "-o", program, "--force"]
        if arguments.cpu:
            command += ["--cpu", arguments.cpu]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (work / "m.safetensors").unlink()
        return program, source

    def run_round(self, ceilings):
        bytes_read = self.linears.count * self.linears.bytes if self.is_chain else 0
        read = {"memory": bytes_read, "file": self.program} if self.is_chain else {}
        before = ceilings.measure(**read)
        for name, run in self.rounds.items():
            self.times[name].append(run())
        after = ceilings.measure(**read)
        seconds = self.times["quench"][-1] * 1e-3
        rate = (bytes_read or self.operations * self.linears.count) / seconds / 1e9
        if self.is_chain:
            names = ["memory", "file"]
        else:
            names = ["vpdpbusd", "tdpbusd"] if self.linears.activation_bits == 8 else ["fma"]
        for name in names:
            if name in before:
                self.ratios.setdefault(name, []).append(rate / max(before[name], after[name]))

    def _speed(self, peer):
        """Our speed in each round, that of a peer being 1."""
        return [b / a for a, b in zip(self.times["quench"], self.times[peer])]

    def bar(self):
        """The ratios to the best peer; None where there are no peers."""
        rivals = [name for name in self.times if name != "quench"]
        if not rivals:
            return None
        best = min(rivals, key=lambda name: statistics.median(self.times[name]))
        return plot.Bar.of(f"{arguments.threads} thread(s)", f"{self.scheme}, {self.shape}", self._speed(best))

    def print_rows(self):
        unit = self.linears.count * 1e-3
        ratios = ", ".join(f"{machine.spread(values, '.2f')} of {name}" for name, values in self.ratios.items())
        for name, times in self.times.items():
            speed = ""
            if name != "quench":
                speed = machine.spread(self._speed(name), ".2f")
            print(
                f"| {self.scheme} | {self.shape} | {name} | {machine.spread([t / unit for t in times], '.1f')} "
                f"| {ratios if name == 'quench' else ''} | {speed} | {self.cosines[name]:.6f} |",
                flush=True,
            )


ceilings = machine.Ceilings(work, arguments.threads, arguments.clang)
print(f"{arguments.threads} thread(s), {arguments.rounds} rounds; {linear_peers.VERSIONS}\n")
print("| scheme | rows x out x in | | us a linear | quench in parts of | speed, this = 1 | cosine |")
print("|---|---|---|---|---|---|---|")
bars = []
for scheme in arguments.schemes:
    for shape in arguments.shapes:
        # One after the other: what peers make of the weights of a chain is large.
        case = Case(scheme, shape)
        for _ in range(arguments.rounds):
            case.run_round(ceilings)
        case.print_rows()
        bars.append(case.bar())
        del case
print(f"\nCeilings: {ceilings.describe()}")
if arguments.plot:
    plot.write(arguments.plot, list(filter(None, bars)))
