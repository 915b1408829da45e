#!/usr/bin/env python3
# ===- scheme_levels.py - Every scheme on every level of processor --------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Compiles one layer by every scheme for some levels of processor, compares what it
computes with the integer interpreter as integer_model.py does, and looks for errors of
memory and races.

    scheme_levels.py QUENCH QUENCH_OPT CLANG HOSTS MODEL INPUTS FOLDER CPU...

For each level the code is compiled again with AddressSanitizer in the generated code
itself, and runs with the runtime under sanitizers, HOSTS/model-host. Its bits must be
those of the program. So is that of x86-64-v3 with ThreadSanitizer, HOSTS/model-host-thread;
its program also runs under Valgrind, which knows no wider vectors.

Of a level that this processor lacks the program is a library too, without sanitizers, see
test/emulation.py. Its tile registers are functions, so that AddressSanitizer sees what
they load and store.
"""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import integer_model  # noqa: E402
import emulation  # noqa: E402
import levels  # noqa: E402

# What no scheme has, with its options.
LOG2 = "W8A8 and log2 softmax"
LOG2_CODES = "W8A8, attention of codes and log2 softmax"
GIVEN_CODES = "static W8A8, zero points, attention of codes and roots of 2"
OTHERS = {
    LOG2: ["--scheme", "W8A8", "--rule", "*.probabilities=#quench.log<u4, zero = last>"],
    LOG2_CODES: ["--scheme", "W8A8{attention=i8}", "--rule", "*.probabilities=#quench.log<u4, zero = last, token>"],
    GIVEN_CODES: ["--scheme", "W8A8{static=true activations=u8}", "--rule", "*=u8 static roles=query|key|value",
                  "--rule", "*.probabilities=#quench.log<u4, step = 1 : 2, zero = last> range=unit"]}
SCHEMES = [
    "W8A8", "W8A8{activations=u8}", "W8A8{static=true}", "W8A8{static=true activations=u8}", "W8A8{attention=i8}", *OTHERS,
    "W6A6", "W4A4", "W4A4{activations=u4}", "W4A8", "W4A8{attention=i8}", "W8A16", "W4A16", "W4A16{weights=nf4 group=32}",
    "W4A16_ASYM", "FP8", "FP8_DYNAMIC", "W4AFP8", "NVFP4", "NVFP4A16", "MXFP4", "MXFP4A16"]


class Level:
    """Compiles for one processor."""

    def __init__(self, quench, clang, host, folder, cpu):
        self.clang, self.host, self.cpu = clang, host, cpu
        self.folder = os.path.join(folder, re.sub(r"\W+", "_", cpu))
        self.build = [quench, "build", "--start-from", "codegen", "--cpu", cpu, "--weights", "external", "--force"]

    def emit(self, module, name, *options):
        """The program of `module`, or what `options` say."""
        # The manifest has the name of the output, of which the parameters have theirs.
        path = os.path.join(self.folder, name, "model")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        integer_model.run(*self.build, module, *options, "-o", path)
        return path

    def make_library(self, module, program, name, *flags, attributes=""):
        """A library of the code of `program`, made from `module`, with `attributes` of functions."""
        text = self.emit(module, name, "--emit", "llvm")
        with open(text) as stream:
            code = re.sub(r"^attributes #\d+ = \{", rf"\g<0> {attributes}", stream.read(), flags=re.MULTILINE)
        shutil.copy(program + ".safetensors", os.path.dirname(text))
        return emulation.make_library(self.clang, code, self.cpu, text + ".so", "-O1", *flags)

    def instrument(self, module, program, sanitizer):
        """The same with `sanitizer` in it."""
        return self.make_library(module, program, sanitizer, f"-fsanitize={sanitizer}", attributes=f"sanitize_{sanitizer}")

    def command(self, module, program):
        """What runs `program`, made from `module`."""
        if levels.can_run(self.cpu):
            return [program]
        return [self.host, self.make_library(module, program, os.path.basename(os.path.dirname(program)) + "-emulated")]


def main(quench, quench_opt, clang, hosts, model, inputs, folder, *cpus):
    os.makedirs(folder, exist_ok=True)
    layer = ["--config", "num_hidden_layers=1"]
    statistics = integer_model.calibrate(quench, model, inputs, folder, *layer)
    checks = [integer_model.Check(quench, quench_opt, model, folder, scheme, [*layer, *OTHERS.get(scheme, ["--scheme", scheme])],
                                  statistics) for scheme in SCHEMES]
    plain, shown = modules = [os.path.join(folder, name) for name in ("plain.mlir", "shown.mlir")]
    for path, functions in zip(modules, zip(*(check.functions for check in checks))):
        integer_model.write_module(checks, functions, path)
    for cpu in cpus:
        if not levels.can_run(cpu) and not emulation.can_emulate(cpu):
            print(f"{cpu}: not here")
            continue
        host = os.path.join(hosts, "model-host")
        level, expected, wrong = Level(quench, clang, host, folder, cpu), [], []
        programs = [level.emit(plain, "plain"), level.emit(shown, "shown")]
        commands = [level.command(module, program) for module, program in zip(modules, programs)]
        for check in checks:
            given = [integer_model.run_function(command, function, inputs, level.folder)
                     for command, function in zip(commands, check.functions)]
            check.compare_with(*given)
            expected.append(given[0])
            if check.wrong or check.different:
                wrong.append(f"{check.title} ({check.describe()})")
        print(f"{cpu}: {len(checks)} schemes, {sum(check.numbers for check in checks)} numbers to the bit, "
              f"{sum(check.bounded for check in checks)} linears in floats; wrong: {', '.join(wrong) or 'none'}")

        def compare(name, *command):
            wrong = []
            for check, tensors in zip(checks, expected):
                found = integer_model.run_function([*command, "--threads", "2"], check.functions[0], inputs, level.folder)
                if any(tensor.tobytes() != found[key].tobytes() for key, tensor in tensors.items()):
                    wrong.append(check.title)
            print(f"{cpu}: {len(checks)} schemes, {name}; other bits: {', '.join(wrong) or 'none'}")

        compare("AddressSanitizer", host, level.instrument(plain, programs[0], "address"))
        if cpu == "x86-64-v3":
            compare("ThreadSanitizer", os.path.join(hosts, "model-host-thread"), level.instrument(plain, programs[0], "thread"))
            compare("Valgrind", "valgrind", "-q", "--error-exitcode=9", programs[0])


main(*sys.argv[1:])
