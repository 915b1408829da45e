#!/usr/bin/env python3
# ===- check.py - Sentence embeddings against PyTorch's -------------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Prints the cosine of each embedding in a file with PyTorch's embedding of the
same sentence, and fails when one is below LEAST (default 0.99999).

Usage: check.py EMBEDDINGS.safetensors [LEAST]   (of sentences.txt)
"""

import math
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent))
import tensorfile


def rows(path):
    tensor = tensorfile.load(path)[0]["sentence_embedding"]
    count, width = tensor.shape
    values = tensor.values()
    return [values[i * width:(i + 1) * width] for i in range(count)]


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.hypot(*a) / math.hypot(*b)


actual, expected = rows(sys.argv[1]), rows(here / "reference.safetensors")
if len(actual) != len(expected):
    sys.exit(f"found {len(actual)} embeddings, expected {len(expected)}")
cosines = [cosine(a, b) for a, b in zip(actual, expected)]
print("cosine to PyTorch:", *(f"{c:.7f}" for c in cosines))
least = float(sys.argv[2]) if len(sys.argv) > 2 else 0.99999
if not min(cosines) >= least:
    sys.exit(f"error: expected at least {least}")
