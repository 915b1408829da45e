"""Writes and shows tensors for the tests of compiled programs.

tensors.py write FILE NAME=DTYPE:JSON...   an .npy or .safetensors file
tensors.py show FILE                       its tensors, one a line, by name
"""

import json
import struct
import sys

import numpy as np

NAMES = {"I32": "i4", "I64": "i8", "F32": "f4", "F64": "f8"}


def write(path, specs):
    tensors = {}
    for spec in specs:
        name, rest = spec.split("=", 1)
        dtype, values = rest.split(":", 1)
        tensors[name] = (dtype, np.array(json.loads(values), "<" + NAMES[dtype]))
    if path.endswith(".npy"):
        np.save(path, tensors.popitem()[1][1])
        return
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        bytes_ = array.tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(bytes_)],
        }
        data += bytes_
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def show(path):
    if path.endswith(".npy"):
        array = np.load(path)
        print(array.dtype, list(array.shape), array.tolist())
        return
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    for name, info in sorted(header.items()):
        begin, end = info["data_offsets"]
        array = np.frombuffer(data[begin:end], "<" + NAMES[info["dtype"]])
        array = array.reshape(info["shape"])
        print(name, info["dtype"], info["shape"], array.tolist())


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3:])
else:
    show(sys.argv[2])
