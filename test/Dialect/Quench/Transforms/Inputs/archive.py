#!/usr/bin/env python3
"""Writes a safetensors file of f64 tensors of zeros.

usage: archive.py FILE NAME:SHAPE... [--metadata KEY=VALUE...]
"""

import json
import math
import struct
import sys


def main():
    path, *words = sys.argv[1:]
    at = words.index("--metadata") if "--metadata" in words else len(words)
    header, size = {}, 0
    for word in words[:at]:
        name, shape = word.rsplit(":", 1)
        shape = [int(n) for n in shape.split(",") if n]
        end = size + 8 * math.prod(shape)
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [size, end]}
        size = end
    if words[at + 1:]:
        header["__metadata__"] = dict(word.split("=", 1) for word in words[at + 1:])
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(size))


if __name__ == "__main__":
    main()
