#!/usr/bin/env python3
# ===- same_bits.py - One model on several levels of processor ------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Builds a model of test/Models by a scheme, its head too, for some processors, and
compares the bits of its outputs on the reference inputs. Instructions that this
processor lacks are emulated, in a library that the program HOST runs. Prints the
least cosine to the references, too, where there is one.

    same_bits.py QUENCH CLANG HOST MODEL FOLDER SCHEME CPU...
"""

import glob
import math
import os
import subprocess
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path[:0] = [TESTS, os.path.join(TESTS, "Models")]
import emulation  # noqa: E402
import levels  # noqa: E402
import tensorfile  # noqa: E402


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def build(quench, clang, host, model, folder, scheme, cpu):
    """The command of a program for `cpu`."""
    program = os.path.join(folder, "program")
    command = [quench, "build", model, "--scheme", scheme, "--quantize-head", "--cpu", cpu, "-o", program, "--force"]
    if levels.can_run(cpu):
        subprocess.run(command, check=True)
        return [program]
    # The first build writes the archive that the code of the second names.
    subprocess.run([*command, "--weights", "external"], check=True)
    subprocess.run([*command, "--weights", "external", "--emit", "llvm"], check=True)
    with open(program) as stream:
        return [host, emulation.make_library(clang, stream.read(), cpu, program + ".so", "-O1")]


def run(command, path, names, folder):
    output = os.path.join(folder, "out.safetensors")
    command = [*command, "--force", "--output", output]
    for name in names:
        command += ["--input", f"{name}={path}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return tensorfile.load(output)[0]


def main(quench, clang, host, model, folder, scheme, *cpus):
    os.makedirs(folder, exist_ok=True)
    first, least = {}, 1.0
    for cpu in cpus:
        if not levels.can_run(cpu) and not emulation.can_emulate(cpu):
            print(f"{cpu}: not here")
            continue
        command = build(quench, clang, host, model, folder, scheme, cpu)
        same = count = 0
        for path in sorted(glob.glob(os.path.join(model, "b*.safetensors"))):
            reference, metadata = tensorfile.load(path)
            outputs = metadata["outputs"].split(",")
            inputs = [name for name in reference if name not in outputs]
            found = run(command, path, inputs, folder)
            for name in outputs:
                known = first.setdefault((path, name), found[name])
                same += found[name].data == known.data
                count += 1
                least = min(least, cosine(found[name].values(),
                                          reference[name].values()))
        print(f"{cpu}: {same} of {count} outputs the same")
    print(f"cosine at least {least:.4f}" if first else "nothing compared")


main(*sys.argv[1:])
