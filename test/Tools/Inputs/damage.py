"""damage.py FOLDER: changes a byte of one file of a folder, cuts another in half, and empties a third."""

import pathlib
import sys

files = sorted(pathlib.Path(sys.argv[1]).glob("llvmcache-*"))
content = bytearray(files[0].read_bytes())
content[len(content) // 2] ^= 1
files[0].write_bytes(content)
files[1].write_bytes(files[1].read_bytes()[: files[1].stat().st_size // 2])
files[2].write_bytes(b"")
