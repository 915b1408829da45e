"""Writes 20 images of digits, one number of the 18th of which is given.

    digits_with.py FILE.npy NUMBER
"""

import struct
import sys

shape = (20, 1, 8, 8)
numbers = [((7 * index) % 17 - 8) / 8 for index in range(20 * 64)]
numbers[17 * 64 + 5] = float(sys.argv[2])
header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
header += " " * (-(len(header) + 11) % 64) + "\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(struct.pack(f"<{len(numbers)}f", *numbers))
