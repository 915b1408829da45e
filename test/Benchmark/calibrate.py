#!/usr/bin/env python3
# ===- calibrate.py - Memory of calibration, and what an interrupt loses ---===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Calibrates a sentence encoder on few sentences and on many: the peak memory
must be the same within 5 %. Then interrupts (Ctrl-C) the long run several times
and goes on each time: what an interrupt loses is at most one batch, and the bytes
at the end are those of the run that was not interrupted.

    calibrate.py MODEL_DIR [--few 100] [--many 10000] [--interrupts 5]
                 [--quench build/bin/quench] [--work build/benchmark/calibrate]

Sentences are the lines that test/Models/data/text-calib.bin is cut into at blanks,
40 characters or more each, from its beginning again where it ends."""

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

TEXT = pathlib.Path(__file__).parent.parent / "Models" / "data" / "text-calib.bin"


def write_sentences(path, count):
    words = TEXT.read_bytes().decode("ascii", "ignore").split()
    lines, line = [], ""
    while len(lines) < count:
        for word in words:
            line = f"{line} {word}".strip()
            if len(line) >= 40:
                lines.append(line)
                line = ""
    path.write_text("\n".join(lines[:count]) + "\n")


def run(command):
    """Seconds and the peak memory in MB."""
    begin = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"error: {' '.join(map(str, command))} failed")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def interrupt(command, state, seconds):
    """Interrupts the run `seconds` after its first batch; None: never. Returns
    after how many sentences it began, and whether it ended."""
    before = state.stat().st_mtime_ns if state.exists() else None
    # Who runs this may ignore the signal, and children inherit that.
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    if seconds is not None:
        while process.poll() is None and (not state.exists() or state.stat().st_mtime_ns == before):
            time.sleep(0.01)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    if process.returncode and seconds is None:
        sys.exit(f"error: {errors}")
    resumed = re.search(r"going on after (\d+) of", errors)
    return int(resumed.group(1)) if resumed else 0, process.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--few", type=int, default=100)
    parser.add_argument("--many", type=int, default=10000)
    parser.add_argument("--interrupts", type=int, default=5)
    parser.add_argument("--quench", default="build/bin/quench")
    parser.add_argument("--work", type=pathlib.Path, default="build/benchmark/calibrate")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)

    def command(count, output):
        data = options.work / f"{count}.txt"
        write_sentences(data, count)
        return [options.quench, "calibrate", options.model, "--data", data,
                "-o", options.work / output, "--force"]

    memory = {}
    for count in options.few, options.many:
        seconds, memory[count] = run(command(count, "whole.safetensors"))
        print(f"{count} sentences: {seconds:.1f} s, {memory[count]:.0f} MB", flush=True)
    growth = memory[options.many] / memory[options.few] - 1
    print(f"memory grows by {100 * growth:.1f} %", flush=True)

    # A batch is one sentence: padding never counts.
    resumed = command(options.many, "resumed.safetensors")
    state = options.work / ".resumed.safetensors.state"
    pause = seconds / (options.interrupts + 2)
    begins, ended = [], False
    while not ended:
        begin, ended = interrupt(resumed, state, pause if len(begins) < options.interrupts else None)
        begins.append(begin)
    print(f"{len(begins) - 1} interrupts, went on after {begins[1:]} sentences", flush=True)
    same = (options.work / "whole.safetensors").read_bytes() == (
        options.work / "resumed.safetensors").read_bytes()
    print("the same bytes" if same else "OTHER BYTES")
    went_on = len(begins) > 1 and begins == sorted(set(begins))
    sys.exit(0 if same and growth <= 0.05 and went_on else 1)


if __name__ == "__main__":
    main()
