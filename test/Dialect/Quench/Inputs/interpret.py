"""Compares the arithmetic of test/interpreter.py with that of uniform.py and
formats.py, which is exact: codes, numbers, scales, and sums that are rounded once.
"""

import math
import pathlib
import random
import sys
from fractions import Fraction

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
import formats  # noqa: E402
import interpreter  # noqa: E402
import numpy as np  # noqa: E402
import uniform  # noqa: E402

random.seed(28)
TYPES = {"f32": np.float32, "f64": np.float64}
SPECIALS = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, 1e30, -1e30]


def round_fraction(value):
    """`value` as the nearest number of f32, ties to even."""
    if value == 0:
        return 0.0
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2)**exponent:
        exponent -= 1
    unit = Fraction(2)**(max(exponent, -126) - 23)
    return float(round(value / unit) * unit)


def same(found, expected, what):
    if isinstance(expected, float):
        expected = np.array(expected, found.dtype)
        is_same = found.tobytes() == expected.tobytes()
    else:
        is_same = found == expected
    if not is_same:
        sys.exit(f"{what}: {found!r}, expected {expected!r}")
    return 1


def numbers(dtype, scale):
    """Ties, what is near them, and others."""
    for value in SPECIALS:
        yield uniform.round_to(dtype, value)
    for _ in range(20):
        yield uniform.round_to(dtype, random.uniform(-1.5, 1.5) * scale * 2.0**random.randint(-3, 9))
        tie = uniform.round_to(dtype, (random.randint(-20, 20) + 0.5) * scale)
        yield tie
        if dtype == "f32":
            yield float(np.nextafter(np.float32(tie), np.float32(random.choice([-9e9, 9e9]))))


def check_uniform(dtype):
    count = 0
    for bits in range(2, 9):
        for signed in (False, True):
            low, high = uniform.code_range(bits, signed)
            for zero in (None, low, random.randint(low, high)):
                asymmetric = ", asymmetric" if zero is not None else ""
                form = interpreter.Format(f"#quench.uniform<{'i' if signed else 'u'}{bits}{asymmetric}>")
                for scale in (0.5, uniform.round_to(dtype, random.uniform(0.01, 2)), 1e-40):
                    z = 0 if zero is None else zero
                    x = list(numbers(dtype, scale))
                    s = np.array(scale, TYPES[dtype])
                    zeros = () if zero is None else (np.array(zero),)
                    codes = form.encode(np.array(x, TYPES[dtype]), s, *zeros)
                    for value, code, number in zip(x, codes, form.decode(codes, s)):
                        known = uniform.quantize(value, float(s), z, bits, signed, dtype)
                        count += same(int(code) + z, known, f"{form.text} {value} / {scale}")
                        count += same(number, uniform.dequantize(known, float(s), z, dtype), f"{form.text} {known}")
    return count


def check_formats(dtype):
    count = 0
    for known in (*formats.SMALL_FLOATS, formats.Ternary(), formats.CodeBook(formats.NF4, "nf4")):
        form = interpreter.Format(known.text)
        for scale in (1.0, uniform.round_to(dtype, random.uniform(0.01, 2))):
            x = list(formats.quotients(known, dtype)) if scale == 1 else list(numbers(dtype, scale))
            x = np.array(random.sample(x, min(len(x), 120)), TYPES[dtype])
            s = np.array(scale, TYPES[dtype])
            with np.errstate(all="ignore"):
                found = form.decode(form.encode(x, s), s)
            for value, number in zip(x, found):
                code = formats.code_of(known, float(value), float(s), dtype)
                expected = formats.number_of(known, code, float(s), dtype)
                # A code of a NaN gives another NaN than the input.
                if not math.isnan(expected):
                    count += same(number, float(expected), f"{form.text} {value} / {scale}")
    return count


def check_scales(dtype):
    count = 0
    for known in (*formats.SMALL_FLOATS, *(formats.Uniform(bits, True) for bits in range(2, 9))):
        for scales in (None, "e8m0", "e4m3"):
            suffix = f", scale = {scales}>" if scales else ">"
            form = interpreter.Format(known.text[:-1] + ", token" + suffix)
            for row in range(12):
                size = 0.0 if row == 0 else 2.0**random.randint(-20, 20) if row < 8 else 2.0**-140
                x = np.array([[random.uniform(-size, size) for _ in range(7)] for _ in range(2)], TYPES[dtype])
                outer = None
                if scales == "e4m3":
                    greatest = known.high if isinstance(known, formats.Uniform) else float(known.magnitudes[known.highest])
                    most = float(np.abs(x).max())
                    outer = formats.divide(most, 448.0 * greatest, dtype)
                    outer = outer if outer > 0 else 1.0
                found = form.scale(x)
                for line, scale in zip(x, found):
                    top = float(np.abs(line).max())
                    expected = formats.scale_of_range(known, -top, top, outer, scales, dtype)
                    count += same(scale, expected, f"{form.text} of {top}")
    return count


def check_zeros(dtype):
    """Scales and zero points of rows, some on one side of 0."""
    count = 0
    for bits in range(2, 9):
        for signed in (False, True):
            known = formats.Uniform(bits, signed, asymmetric=True)
            form = interpreter.Format(known.text[:-1] + ", token>")
            for row in range(12):
                size = 0.0 if row == 0 else 2.0**random.randint(-20, 20)
                shift = random.choice([-2, -0.5, 0, 0.5, 2]) * size
                x = np.array([[random.uniform(-size, size) + shift for _ in range(7)] for _ in range(2)], TYPES[dtype])
                scales = form.scale(x)
                for line, scale, zero in zip(x, scales, form.unsign(form.zero(x, scales))):
                    low, high = float(line.min()), float(line.max())
                    count += same(scale, formats.scale_of_range(known, low, high, None, None, dtype), f"{form.text} of {low} to {high}")
                    count += same(int(zero), formats.zero_of_range(known, low, float(scale), dtype), f"zero point of {low} to {high}")
    return count


def check_sums():
    """Products and sums that are rounded once, with ties of f32 and of f64."""
    rows = []
    for _ in range(2000):
        a, b = (np.float32(random.uniform(-1, 1) * 2.0**random.randint(-9, 9)) for _ in range(2))
        c = np.float32(random.uniform(-1, 1) * 2.0**random.randint(-60, 60))
        if random.random() < 0.5:
            # All but a tie: half of the last place, and a little more or less.
            a, b, c = np.float32(1 + 2.0**-12), np.float32(1 - 2.0**-12 * random.randint(0, 3)), np.float32(
                2.0**random.randint(-80, 30) * random.choice([-1, 1]))
        rows.append((a, b, c))
    a, b, c = (np.array(column, np.float32) for column in zip(*rows))
    found = interpreter.fma(a, b, c)
    for x, y, z, result in zip(a, b, c, found):
        exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        same(result, round_fraction(exact), f"{x} * {y} + {z}")
    return len(found)


print("uniform:", sum(map(check_uniform, TYPES)), "equal")
print("others:", sum(map(check_formats, TYPES)), "equal")
print("scales:", sum(map(check_scales, TYPES)), "equal")
print("zeros:", sum(map(check_zeros, TYPES)), "equal")
print("sums:", check_sums(), "equal")
