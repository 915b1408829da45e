"""Uniform quantizers as docs/spec.md defines them, in exact arithmetic.

Numbers of f16, bf16 and f32 are Python floats that the type holds.
"""

import math
import struct
from fractions import Fraction

SIZES = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}


def to_bits(dtype, value):
    """The bits of `value` in `dtype`, rounded to nearest, ties to even."""
    if dtype == "bf16":
        bits = to_bits("f32", value)
        if math.isnan(value):
            return bits >> 16
        return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    code = {"f16": "e", "f32": "f", "f64": "d"}[dtype]
    try:
        data = struct.pack("<" + code, value)
    except OverflowError:
        data = struct.pack("<" + code, math.copysign(math.inf, value))
    return int.from_bytes(data, "little")


def from_bits(dtype, bits):
    if dtype == "bf16":
        dtype, bits = "f32", bits << 16
    code = {"f16": "e", "f32": "f", "f64": "d"}[dtype]
    return struct.unpack("<" + code, bits.to_bytes(SIZES[dtype], "little"))[0]


def round_to(dtype, value):
    return from_bits(dtype, to_bits(dtype, value))


def compute_type(dtype):
    return "f64" if dtype == "f64" else "f32"


def code_range(bits, signed):
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def quotient(x, s, dtype):
    """x / s rounded to `dtype`; a double holds enough of a quotient of floats
    that rounding it again is rounding once."""
    try:
        value = float(Fraction(x) / Fraction(s))
    except OverflowError:
        value = math.copysign(math.inf, x)
    return round_to(dtype, value)


def quantize(x, s, z, bits, signed, dtype):
    """The code of `x`, with `dtype` the compute type."""
    low, high = code_range(bits, signed)
    if math.isnan(x):
        return low
    if math.isinf(x):
        return high if x > 0 else low
    t = quotient(x, s, dtype)
    if math.isinf(t):
        return high if t > 0 else low
    # Python rounds fractions half to even, without a processor.
    return min(max(round(Fraction(t)) + z, low), high)


def dequantize(q, s, z, dtype):
    return round_to(dtype, float(q - z) * s)


def fake_quantize(x, s, z, bits, signed, dtype):
    """As a tensor of `dtype` sees it."""
    compute = compute_type(dtype)
    return round_to(dtype, dequantize(quantize(x, s, z, bits, signed, compute), s, z, compute))
