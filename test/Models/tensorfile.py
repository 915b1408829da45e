#!/usr/bin/env python3
# ===- tensorfile.py - Safetensors with the standard library --------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Reads and writes safetensors files without numpy, for the tests."""

import array
import json
import math
import struct

CODES = {"F64": "d", "F32": "f", "I64": "q", "I32": "i", "U8": "B", "I8": "b"}


class Tensor:
    """Bytes with a type and a shape."""

    def __init__(self, dtype, shape, data):
        self.dtype, self.shape, self.data = dtype, list(shape), bytes(data)

    def values(self):
        """All elements, flat, in row-major order."""
        if self.dtype == "F16":
            return [value for (value,) in struct.iter_unpack("<e", self.data)]
        if self.dtype == "BF16":
            # The upper half of an F32.
            wide = bytearray(2 * len(self.data))
            wide[2::4], wide[3::4] = self.data[::2], self.data[1::2]
            return Tensor("F32", self.shape, wide).values()
        values = array.array(CODES[self.dtype])
        values.frombytes(self.data)
        return values

    @staticmethod
    def zeros(dtype, shape):
        size = {"F16": 2, "BF16": 2}.get(dtype) or array.array(
            CODES[dtype]).itemsize
        return Tensor(dtype, shape, bytes(size * math.prod(shape)))

    @staticmethod
    def of(dtype, shape, values):
        data = array.array(CODES[dtype], values).tobytes()
        assert len(data) == math.prod(shape) * array.array(
            CODES[dtype]).itemsize, "shape and values differ"
        return Tensor(dtype, shape, data)


def load(path):
    """The tensors by name, and the metadata."""
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
        body = stream.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = Tensor(entry["dtype"], entry["shape"],
                               body[begin:end])
    return tensors, metadata


def write_header(stream, tensors, metadata=None):
    """Writes what precedes the bytes: `tensors` is (name, dtype, shape, size)
    in the order of the bytes."""
    header, offset = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape, size in tensors:
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    stream.write(struct.pack("<Q", len(text)) + text)
    return offset


def save(path, tensors, metadata=None):
    with open(path, "wb") as stream:
        write_header(stream, [(name, tensor.dtype, tensor.shape,
                               len(tensor.data))
                              for name, tensor in tensors.items()], metadata)
        for tensor in tensors.values():
            stream.write(tensor.data)
