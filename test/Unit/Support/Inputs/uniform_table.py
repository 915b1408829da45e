"""Writes what uniform quantizers make of numbers, as rows of C++.

    uniform_table.py OUTPUT

Columns: bits, signed, zero point, bits of the scale, of the number and of the
number that its code stands for, and the code.
"""

import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
import uniform  # noqa: E402


def numbers(dtype, scale, zero, low, high):
    """What is interesting: every code, ties and what is next to them, and what is
    no ordinary number."""
    for steps in range(low - zero - 2, high - zero + 3):
        yield uniform.round_to(dtype, steps * scale)
        tie = uniform.round_to(dtype, (steps + 0.5) * scale)
        yield tie
        bits = uniform.to_bits(dtype, tie)
        if 0 < abs(tie) < math.inf:
            yield uniform.from_bits(dtype, bits - 1)
            yield uniform.from_bits(dtype, bits + 1)
    least = uniform.from_bits(dtype, 1)
    yield from (0.0, -0.0, least, -least, 1e30, -1e30, math.inf, -math.inf, math.nan)


def rows(dtype):
    scales = [1.0, 0.25, 0.1, 3e-39 if dtype == "f32" else 3e-310, 1e20]
    for bits in range(2, 9):
        for signed in (False, True):
            low, high = uniform.code_range(bits, signed)
            for zero in sorted({0, low, high, low + 1}):
                # All scales for few codes, one after another for many.
                for scale in scales if bits <= 4 else [scales[(bits + zero) % len(scales)]]:
                    scale = uniform.round_to(dtype, scale)
                    for x in numbers(dtype, scale, zero, low, high):
                        code = uniform.quantize(x, scale, zero, bits, signed, dtype)
                        number = uniform.dequantize(code, scale, zero, dtype)
                        hexes = ", ".join(f"0x{uniform.to_bits(dtype, v):x}" for v in (scale, x, number))
                        yield f"{{{bits}, {signed:d}, {zero}, {hexes}, {code}}},"


def main():
    text = "".join(f"static const Row<{kind}> {dtype}Rows[] = {{\n" + "\n".join(rows(dtype)) + "\n};\n"
                   for dtype, kind in (("f32", "uint32_t"), ("f64", "uint64_t")))
    pathlib.Path(sys.argv[1]).write_text(text)


main()
