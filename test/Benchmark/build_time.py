#!/usr/bin/env python3
"""Time and memory of `quench build`, cold: a new process each time, and the
checkpoint on the disk, not in memory.

Usage: build_time.py MODEL_DIR [--schemes W8A8] [--rounds 7]
                     [--quench build/bin/quench]

Prints one markdown table: wall time, processor time and the greatest resident
memory, which has the mapped pages of the checkpoint in it. Each scheme is built
without kept kernels and, in turn, with those of a build before.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import machine


def forget(path):
    """Has the system drop the pages of a file that it keeps."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(command):
    """Wall seconds, processor seconds and MB of a command."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {' '.join(map(str, command))} failed")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--schemes", nargs="+", default=["W8A8"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quench", default="build/bin/quench")
    arguments = parser.parse_args()
    print("| scheme | kernels | s | processor s | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for scheme in arguments.schemes:
            command = [arguments.quench, "build", arguments.model, "-o", os.path.join(folder, "out"), "--force"]
            if scheme != "float":
                command += ["--scheme", scheme]
            caches = {"compiled": "off", "kept": os.path.join(folder, "kernels")}
            run([*command, "--kernel-cache", caches["kept"]])
            rounds = {kernels: [] for kernels in caches}
            for _ in range(arguments.rounds):
                for kernels, cache in caches.items():
                    for path in arguments.model.iterdir():
                        if path.is_file():
                            forget(path)
                    rounds[kernels].append(run([*command, "--kernel-cache", cache]))
            for kernels in caches:
                seconds, processor, memory = zip(*rounds[kernels])
                print(
                    f"| {scheme} | {kernels} | {machine.spread(seconds, '.2f')} | {machine.spread(processor, '.2f')} "
                    f"| {machine.spread(memory, '.0f')} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
