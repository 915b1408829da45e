#!/usr/bin/env python3
# ===- limit.py - A command within limits ---------------------------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Runs a command and fails when it took more processor time (seconds) or more
resident memory (MB) than allowed: limit.py SECONDS MB COMMAND..."""

import resource
import subprocess
import sys

seconds, megabytes = float(sys.argv[1]), float(sys.argv[2])
status = subprocess.run(sys.argv[3:]).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
used = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
print(f"{used[0]:.2f} s, {used[1]:.0f} MB", file=sys.stderr)
sys.exit(status or used[0] > seconds or used[1] > megabytes)
