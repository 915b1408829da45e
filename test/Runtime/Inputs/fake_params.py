"""Puts the parameters of the fake model where its programs look for them.

fake_params.py embed PROGRAM COPY     copies PROGRAM with the payload behind it
fake_params.py archive FILE           writes the payload as a safetensors archive
fake_params.py wrong-archive FILE     the same with one byte changed
"""

import shutil
import struct
import sys

payload = b"".join(
    struct.pack("<4f", i, i + 0.25, i + 0.5, i + 0.75) for i in range(16)
)


def embed(program, copy):
    shutil.copy(program, copy)
    with open(copy, "ab") as file:
        file.write(bytes(-file.tell() % 4096))
        footer = b"QNCHPAY1" + struct.pack("<QQ", file.tell(), len(payload))
        file.write(payload + footer.ljust(64, b"\0"))


def archive(path, data):
    header = b'{"table":{"dtype":"F32","shape":[16,4],"data_offsets":[0,256]}}'
    header = header.ljust(120)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data)


if sys.argv[1] == "embed":
    embed(sys.argv[2], sys.argv[3])
elif sys.argv[1] == "archive":
    archive(sys.argv[2], payload)
else:
    archive(sys.argv[2], b"\1" + payload[1:])
