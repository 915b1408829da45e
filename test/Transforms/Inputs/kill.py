#!/usr/bin/env python3
# ===- kill.py - A command that is killed until it ends --------------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Starts a command, kills it (SIGKILL) after a random part of SECONDS, and
starts it again, COUNT times; the last time it may end.

    kill.py COUNT SECONDS COMMAND..."""

import random
import subprocess
import sys

count, seconds = int(sys.argv[1]), float(sys.argv[2])
moments = random.Random(1)
killed = 0
for _ in range(count):
    process = subprocess.Popen(sys.argv[3:])
    try:
        if process.wait(moments.uniform(0, seconds)):
            sys.exit("error: the command failed")
        break
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        killed += 1
else:
    subprocess.run(sys.argv[3:], check=True)
print(f"killed {killed} times")
