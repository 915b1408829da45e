"""without.py FROM TO NAME: a copy of a safetensors file that lacks a tensor."""

import json
import struct
import sys

source, target, name = sys.argv[1:]
with open(source, "rb") as file:
    (size,) = struct.unpack("<Q", file.read(8))
    header, data = json.loads(file.read(size)), file.read()
begin, end = header.pop(name)["data_offsets"]
for key, entry in header.items():
    if key != "__metadata__":
        entry["data_offsets"] = [o - (end - begin) * (o >= end) for o in entry["data_offsets"]]
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(target, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data[:begin] + data[end:])
