#!/usr/bin/env python3
# ===- integer_model.py - Whole models against the integer interpreter ----===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compares what a compiled quantized model computes with test/interpreter.py.

    integer_model.py QUENCH QUENCH_OPT MODEL INPUTS FOLDER SCHEME...

A scheme may have rules behind it, each after ` --rule `. Static scales come from statistics of the inputs. scheme_levels.py does the same for
other processors.

docs/spec.md fixes to the bit what quantizers and integers do, and not what norms,
softmax and activation functions do between them. So the model is built twice: as it
is, and with further results that do not change what is fused: what quantizers take,
and what linears end in. Of each linear the interpreter computes everything from what
the quantizer before it took in the compiled model: scales, codes, the codes of the
weight from the checkpoint, sums, the epilogue and the residual; and all of each attention
of codes. It must find the bits that the compiled model has. What both builds give must
have the same bits too, so that this is said of the model as it is, from its inputs to
its results.

Where an activation function follows in the kernel, its result is compared with that of
the interpreter's numbers in f64, at 1e-6 of the greater of the two numbers. Linears that
stay in floats must be within the bound of C33.
"""

import math
import os
import re
import subprocess
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path.insert(0, TESTS)
import interpreter  # noqa: E402
import numpy as np  # noqa: E402

QUANTIZERS = ["quench.encode", "quench.fake_quant"]
FLOATS = ["quench.linear", "quench.weight_only_linear"]
TOLERANCE = 1e-6


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def gelu(x):
    return x / 2 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def silu(x):
    return x / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


ACTIVATIONS = {"quench.gelu": ("kind", "erf", gelu), "quench.silu": (None, None, silu),
               "quench.softplus": (None, None, softplus), "quench.gated": ("kind", "silu", silu)}


class Linear:
    """A linear of a quantized weight, and the op that its kernel ends with."""

    def __init__(self, op, users):
        self.op, self.value = op, op.results[0]
        readers = users.get(self.value, [])
        self.last = readers[0] if len(readers) == 1 else None
        self.is_residual = self.last is not None and self.last.name == "quench.add" and "residual" in self.last.attributes
        self.is_activated = self.last is not None and self.last.name in ACTIVATIONS
        if not self.is_residual and not self.is_activated:
            self.last = None

    def result(self):
        """What is compared."""
        return self.last.results[0] if self.last else self.value

    def others(self):
        """What else the last op reads."""
        return [value for value in self.last.operands if value != self.value] if self.last else []

    def activate(self, values):
        """What the activation gives for numbers of the interpreter, in f64, and the
        greatest number that goes into it."""
        key, kind, function = ACTIVATIONS[self.last.name]
        assert key is None or self.last[key].endswith(f" {kind}>"), self.last.attributes
        inputs = [values.get(value).astype(np.float64) for value in self.last.operands]
        results = [function(inputs[0]), *inputs[1:]]
        return np.prod(results, axis=0), np.prod(inputs, axis=0)


class Check:
    """A model of one scheme: its first entry point as it is, and with further results."""

    def __init__(self, quench, quench_opt, model, folder, title, options, statistics=None):
        """`options` of `quench build` say what `title` calls it; `statistics` are for
        static scales."""
        self.title, self.weights = title, {"model": interpreter.load(os.path.join(model, "model.safetensors"))}
        name = re.sub(r"\W+", "_", title).strip("_")
        quantized = os.path.join(folder, f"{name}.mlir")
        if statistics:
            self.weights["stats"] = interpreter.load(statistics)
            options = [*options, "--param", f"stats={statistics}"]
        run(quench, "build", model, *options, "--stop-after", "quantize", "-o", quantized, "--force")
        self.functions = []
        for what, passes in ("plain", []), ("shown", ["--quench-legalize"]):
            self.module = interpreter.Module(run(quench_opt, quantized, *passes, "--mlir-print-op-generic"))
            function = next(function for function in self.module.functions if function.is_entry)
            function.rename(f"{name}_{what}")
            self.functions.append(function)
        self.show()

    def show(self):
        """Adds the further results."""
        entry, values = self.functions[1], interpreter.Interpreter(self.functions[1], self.weights, {})
        users = {}
        for op in entry.ops:
            for value in dict.fromkeys(op.operands):
                users.setdefault(value, []).append(op)
        self.found = [Linear(op, users) for op in entry.ops if op.name in ("quench.integer_linear", "quench.weight_only_linear")
                      or op.name == "quench.linear" and values.comes_from(op.operands[1], "quench.dequantize")]
        shown = [op.operands[0] for op in entry.ops if op.name in QUANTIZERS]
        # What the spec fixes to the bit beside linears.
        self.attended = [op.results[0] for op in entry.ops if op.name == "quench.integer_attention"]
        self.rounded = [op.results[0] for op in entry.ops if op.name == "quench.fake_quant"]
        shown += self.attended + self.rounded
        for linear in self.found:
            shown += [linear.result(), *linear.others()]
            if linear.op.name in FLOATS and not values.comes_from(linear.op.operands[0], "quench.fake_quant"):
                shown.append(linear.op.operands[0])
        # What the kernel of another linear takes in would no longer be fused.
        hidden = {linear.value for linear in self.found if linear.last}
        entry.expose([value for value in dict.fromkeys(shown)
                      if value not in hidden and not value.startswith("%arg") and not values.is_program(value)])

    def compare_with(self, plain, shown):
        """Compares what both builds give."""
        self.linears, self.numbers, self.wrong = 0, 0, []
        self.activated, self.bounded, self.share = 0, 0, 0.0
        values = interpreter.Interpreter(self.functions[1], self.weights, shown)
        for linear in self.found:
            self.compare(linear, values, shown)
        for value in self.attended + self.rounded:
            given = shown[value[1:]]
            result = np.ascontiguousarray(values.evaluate(values.producers[value]))
            self.numbers += given.size
            if result.dtype != given.dtype or result.tobytes() != given.tobytes():
                self.wrong.append(value)
        self.different = [name for name, tensor in plain.items() if tensor.tobytes() != shown[name].tobytes()]

    def describe(self):
        """What compare_with() found."""
        exact = [f"{self.linears} linears", *(f"{len(found)} {what}" for found, what in
                                              ((self.attended, "attentions"), (self.rounded, "quantizers")) if found)]
        return (f"{' and '.join(exact)} to the bit ({self.numbers} numbers), {self.activated} with an activation, "
                f"{self.bounded} in floats; wrong: {', '.join(self.wrong) or 'none'}; "
                f"builds differ in: {', '.join(self.different) or 'nothing'}; {self.share:.2f} of what is allowed")

    def compare(self, linear, values, found):
        given = found[linear.result()[1:]]
        if linear.op.name in FLOATS:
            # A residual is one more addition.
            total, bound = values.bounded_linear(linear.op)
            if linear.is_activated:
                # The function may stretch what it takes by little more than 1.
                values.known[linear.value] = total
                total, _ = linear.activate(values)
                bound = 1.2 * bound * np.prod([np.abs(values.get(v)) for v in linear.others()] or 1.0, axis=0) + TOLERANCE * np.abs(total)
            elif linear.is_residual:
                total = total + values.get(linear.others()[0])
                bound = bound + 2.0**-24 * (np.abs(total) + bound)
            share = (np.abs(given.astype(np.float64) - total) / bound).max()
            self.bounded += 1
            self.share = max(self.share, share)
            is_right = share <= 1
        elif linear.is_activated:
            result, product = linear.activate(values)
            error = np.abs(given - result) / np.maximum(np.abs(result), np.abs(product) + 1e-30)
            self.activated += 1
            self.share = max(self.share, error.max() / TOLERANCE)
            is_right = error.max() <= TOLERANCE
        else:
            # Not what the compiled model has of it.
            result = values.evaluate(linear.op)
            if linear.is_residual:
                result = result + values.get(linear.others()[0])
            self.linears += 1
            self.numbers += given.size
            is_right = result.dtype == given.dtype and result.tobytes() == given.tobytes()
        if not is_right:
            self.wrong.append(linear.result())


def calibrate(quench, model, inputs, folder, *options):
    """An archive with statistics of `inputs`."""
    path = os.path.join(folder, "statistics.safetensors")
    run(quench, "calibrate", model, *options, "--data", inputs, "--quick", "-o", path, "--force")
    return path


def write_module(checks, functions, path):
    """`functions` of all `checks` in one file, since most kernels are the same. The
    module is that of a scheme that has all archives."""
    with open(path, "w") as stream:
        module = max(checks, key=lambda check: "stats = " in check.module.last).module
        stream.write(module.text(functions))


def run_function(command, function, inputs, folder):
    """What `function` gives in the program of `command`."""
    names = [name for name in interpreter.load(inputs) if name in ("input_ids", "pixel_values")]
    given = [word for name in names for word in ("--input", f"{name}={inputs}")]
    output = os.path.join(folder, f"{function.name}.safetensors")
    run(*command, "--entry", function.name, *given, "--output", output, "--force")
    return interpreter.load(output)


def main(quench, quench_opt, model, inputs, folder, *schemes):
    os.makedirs(folder, exist_ok=True)
    static = [scheme for scheme in schemes if "static=true" in scheme]
    statistics = calibrate(quench, model, inputs, folder) if static else None
    checks = []
    for scheme in schemes:
        name, *rules = scheme.split(" --rule ")
        options = ["--scheme", name, *(word for rule in rules for word in ("--rule", rule))]
        checks.append(Check(quench, quench_opt, model, folder, scheme, options, statistics if scheme in static else None))
    path, program = os.path.join(folder, "all.mlir"), os.path.join(folder, "all")
    write_module(checks, [function for check in checks for function in check.functions], path)
    run(quench, "build", path, "--start-from", "codegen", "-o", program, "--force")
    for check in checks:
        check.compare_with(*(run_function([program], function, inputs, folder) for function in check.functions))
        print(f"{check.title}: {check.describe()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
