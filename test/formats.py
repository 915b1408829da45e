"""Quantizers but the uniform ones as docs/spec.md defines them, in exact arithmetic.

A format has `text`, the attribute of the dialect; `bits` and `signed` of its codes;
`codes`, all that it has; `quantize(t, dtype)`, the code of the quotient `t`, which
`dtype`, f32 or f64, holds; and `number(q, dtype)`, what a code stands for at scale 1.
"""

import decimal
import math
from fractions import Fraction

import uniform
from uniform import round_to

NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]


def code_of(form, x, s, dtype):
    """The code of `x` with scale `s`; C6 and C12 begin with the quotient."""
    if math.isnan(x) or math.isinf(x) or x == 0:
        return form.quantize(x, dtype)
    return form.quantize(uniform.quotient(x, s, dtype), dtype)


def number_of(form, q, s, dtype):
    """What the code `q` stands for with scale `s`: one product, rounded. A double
    holds that of two f32."""
    return round_to(dtype, form.number(q, dtype) * s)


def nearest_code(t, low, high):
    """C6 for the codes from `low` to `high`."""
    if math.isnan(t):
        return low
    if math.isinf(t):
        return high if t > 0 else low
    return min(max(round(Fraction(t)), low), high)


class Table:
    """C12. `ranks` lists (code, number) with the numbers ascending; `reaches(t, r)`
    says whether the finite `t` has reached the bound after rank `r`."""

    signed = False

    def set_ranks(self, ranks):
        self.ranks = ranks
        self.codes = [code for code, _ in ranks]
        self.numbers = dict(ranks)

    def quantize(self, t, dtype):
        if math.isnan(t) or t == -math.inf:
            return self.ranks[0][0]
        if t == math.inf:
            return self.ranks[-1][0]
        low, high = 0, len(self.ranks) - 1
        while low < high:
            middle = (low + high) // 2
            if self.reaches(t, middle):
                low = middle + 1
            else:
                high = middle
        return self.ranks[low][0]

    def number(self, q, dtype):
        return round_to(dtype, self.numbers.get(q, self.ranks[0][1]))


class CodeBook(Table):
    """C13."""

    def __init__(self, numbers, name=None):
        self.text = f"#quench.code_book<{name or '[' + ', '.join(repr(n) for n in numbers) + ']'}>"
        self.bits = max(1, (len(numbers) - 1).bit_length())
        self.listed = numbers
        self.set_ranks(list(enumerate(numbers)))

    def reaches(self, t, rank):
        middle = (Fraction(self.listed[rank]) + Fraction(self.listed[rank + 1])) / 2
        return t > middle or (t == middle and rank % 2 == 1)


def power_of_root(numerator, denominator):
    """2^(-numerator / denominator) as an integer over 2^precision, rounded down."""
    precision = numerator // denominator + 160
    power = 1 << (precision * denominator - numerator)
    root = 1 << -(-power.bit_length() // denominator)
    while True:
        better = ((denominator - 1) * root + power // root ** (denominator - 1)) // denominator
        if better >= root:
            return Fraction(root, 1 << precision)
        root = better


class Log(Table):
    """C14 to C16."""

    def __init__(self, bits, p=1, d=1, unit=0, zero=None):
        words = [f"u{bits}"] + ([f"step = {p} : {d}"] if (p, d) != (1, 1) else [])
        words += ([f"unit = {unit}"] if unit else []) + ([f"zero = {zero}"] if zero else [])
        self.text = f"#quench.log<{', '.join(words)}>"
        self.bits, self.p, self.d = bits + (zero == "extra"), p, d
        count = 2**bits - (zero == "last")
        ranks = []
        for q in range(count):
            whole, part = divmod(q * p, d)
            # Exact, or off by less than can matter.
            mantissa = power_of_root(part, d) if part else Fraction(1)
            if unit:
                mantissa = Fraction(round(mantissa * unit), unit)
            ranks.append((q, float(mantissa / 2**whole)))
        self.set_ranks(([(count, 0.0)] if zero else []) + ranks[::-1])

    def reaches(self, t, rank):
        # The bound is that between this code and the one after it.
        q = self.ranks[rank + 1][0]
        if t <= 0:
            return False
        # Nobody needs powers far from the bound.
        octaves = math.log2(t) + (q + 0.5) * self.p / self.d
        if abs(octaves) > 1e-6:
            return octaves > 0
        power, bound = Fraction(t) ** (2 * self.d), Fraction(1, 2 ** ((2 * q + 1) * self.p))
        return power > bound or (power == bound and q % 2 == 0)


class Tangent(Table):
    """C17."""

    def __init__(self, bits, a, b):
        self.text = f"#quench.tangent<u{bits}, a = {a!r}, b = {b!r}>"
        self.bits, self.last = bits, 2**bits - 1
        decimal.getcontext().prec = 60
        self.a, self.b = decimal.Decimal(a), decimal.Decimal(b)
        self.low = self.tan(-self.b)
        self.span = self.tan(self.a - self.b) - self.low
        # Twice the codes.
        self.inverse = [self.invert(decimal.Decimal(i) / (2 * self.last)) for i in range(2 * self.last + 1)]
        self.set_ranks([(q, {0: 0.0, self.last: 1.0}.get(q, float(self.inverse[2 * q]))) for q in range(2**bits)])

    @staticmethod
    def tan(x):
        def series(term, first):
            total, i = term, first
            while abs(term) > decimal.Decimal(10) ** -58:
                term *= -x * x / (i * (i + 1))
                total, i = total + term, i + 2
            return total
        return series(x, 2) / series(decimal.Decimal(1), 1)

    def atan(self, y):
        x = decimal.Decimal(math.atan(float(y)))
        for _ in range(3):
            x -= (self.tan(x) - y) / (1 + self.tan(x) ** 2)
        return x

    def invert(self, u):
        return (self.atan(self.low + self.span * u) + self.b) / self.a

    def reaches(self, t, rank):
        if abs(t - float(self.inverse[2 * rank + 1])) > 1e-6:
            return t > self.inverse[2 * rank + 1]
        difference = decimal.Decimal(t) - self.inverse[2 * rank + 1]
        if abs(difference) < decimal.Decimal(10) ** -40:
            return rank % 2 == 1
        return difference > 0


class TwinUniform:
    """C18."""

    def __init__(self, bits, signed, shift):
        self.text = f"#quench.twin_uniform<{'i' if signed else 'u'}{bits}, shift = {shift}>"
        self.bits, self.signed, self.shift = bits, signed, shift
        self.n = 2 ** (bits - 1) - 1
        self.codes = list(range(-self.n - 1, self.n + 1) if signed else range(2**bits))

    def step(self, negative):
        return 2 ** max(-self.shift if negative else self.shift, 0)

    def quantize(self, t, dtype):
        def over(step):
            return round_to(dtype, t / step)
        if self.signed:
            return nearest_code(over(self.step(t < 0)), -self.n - 1, self.n)
        if t >= self.n + 0.5:
            return self.n + 1 + nearest_code(over(2**self.shift), 1, self.n)
        return nearest_code(t, 0, self.n)

    def number(self, q, dtype):
        if self.signed:
            return float(q * self.step(q < 0))
        return float(q if q <= self.n else (q - self.n - 1) * 2**self.shift)


class Ternary:
    """C19."""

    text, bits, signed, codes = "#quench.ternary", 2, True, [-1, 0, 1]

    def quantize(self, t, dtype):
        return nearest_code(t, -1, 1)

    def number(self, q, dtype):
        return float(max(q, -1))


class Binary:
    """C19."""

    text, bits, signed, codes = "#quench.binary", 1, False, [0, 1]

    def quantize(self, t, dtype):
        return 1 if t >= 0 else 0

    def number(self, q, dtype):
        return 1.0 if q else -1.0


class SmallFloat:
    """C20, C21."""

    signed = False

    def __init__(self, name, largest, special=None):
        self.text = f"#quench.small_float<{name}>"
        self.e, self.m = int(name[1]), int(name[3])
        self.bits, self.special = 1 + self.e + self.m, special
        self.sign = 2 ** (self.bits - 1)
        bias = 2 ** (self.e - 1) - 1
        self.magnitudes = []
        for q in range(self.sign):
            exponent, mantissa = divmod(q, 2**self.m)
            value = Fraction(mantissa, 2**self.m) + (1 if exponent else 0)
            self.magnitudes.append(value * Fraction(2) ** (max(exponent, 1) - bias))
            if self.magnitudes[-1] == largest:
                self.highest = q
        self.codes = [q for q in range(2**self.bits) if q % self.sign <= self.highest]

    def quantize(self, t, dtype):
        if math.isnan(t):
            return self.sign - 1 if self.special else self.sign + self.highest
        sign = self.sign if math.copysign(1, t) < 0 else 0
        if math.isinf(t) or abs(t) >= self.magnitudes[self.highest]:
            return sign + self.highest
        # Ties go to the even code, which has the even mantissa.
        return sign + min(range(self.highest + 1),
                          key=lambda q: (abs(self.magnitudes[q] - Fraction(abs(t))), q % 2))

    def number(self, q, dtype):
        sign, q = -1 if q >= self.sign else 1, q % self.sign
        if q > self.highest:
            return sign * math.inf if self.special == "inf" and q == self.highest + 1 else math.copysign(math.nan, sign)
        return math.copysign(float(self.magnitudes[q]), sign)


class Uniform:
    """C3, for C23 to C25 and C27 alone; test/uniform.py has the rest."""

    def __init__(self, bits, signed, asymmetric=False):
        self.text = f"#quench.uniform<{'i' if signed else 'u'}{bits}{', asymmetric' if asymmetric else ''}>"
        self.bits, self.signed, self.asymmetric = bits, signed, asymmetric
        self.low, self.high = uniform.code_range(bits, signed)


SMALL_FLOATS = [SmallFloat("e4m3", 448, "nan"), SmallFloat("e5m2", 57344, "inf"), SmallFloat("e3m2", 28),
                SmallFloat("e2m3", Fraction(15, 2)), SmallFloat("e2m1", 6)]


def all_formats():
    """Formats of every kind."""
    yield from (CodeBook(NF4, "nf4"), CodeBook([-1.0, -0.25, 0.0, 0.5]), CodeBook([-3.5, 1e-3, 1.5, 7.25, 100.0]),
                CodeBook([float(v) for v in range(-100, 28)]))
    for bits in (2, 3, 4, 6):
        for zero in (None, "last", "extra"):
            yield Log(bits, zero=zero)
            yield Log(bits, 1, 2, zero=zero)
    yield Log(8, 1, 8, zero="last")
    for bits, p in ((3, 10), (3, 137), (4, 20), (4, 37), (4, 74), (6, 10), (6, 37)):
        yield Log(bits, p, 37, unit=2 ** (bits + 1) - 2, zero="extra")
    yield from (Log(4, 2, 37), Log(4, 20, 37), Log(6, 50, 37, zero="last"))
    yield from (Tangent(2, 2.0, 1.0), Tangent(3, 0.5, 0.25), Tangent(4, 2.4, 1.2), Tangent(4, 2.0, 1.5),
                Tangent(6, 2.9, 1.5))
    for bits in (2, 3, 4, 8):
        for shift in (0, 1, 3, 8, 19):
            yield TwinUniform(bits, False, shift)
        for shift in (-24, -2, 0, 3, 24):
            yield TwinUniform(bits, True, shift)
    yield from (Ternary(), Binary(), *SMALL_FLOATS)


def neighbours(dtype, x):
    """`x`, as the type rounds it, and what is next to it."""
    x = round_to(dtype, x)
    yield x
    if 0 < abs(x) < math.inf:
        bits = uniform.to_bits(dtype, x)
        yield from (uniform.from_bits(dtype, bits - 1), uniform.from_bits(dtype, bits + 1))


def quotients(form, dtype):
    """Interesting numbers at scale 1: all that codes stand for, their middles in the
    arithmetic and in the geometric sense, what is next to these, and specials."""
    numbers = sorted({form.number(q, dtype) for q in form.codes})
    for low, high in zip(numbers, numbers[1:] + [2 * numbers[-1]]):
        yield low
        yield from neighbours(dtype, (low + high) / 2)
        if 0 < low:
            yield from neighbours(dtype, math.sqrt(low) * math.sqrt(high))
    least = uniform.from_bits(dtype, 1)
    yield from (0.0, -0.0, least, -least, 1e30, -1e30, math.inf, -math.inf, math.nan, -2.0 * abs(numbers[-1]), 1e-15)


# -- Scales -------------------------------------------------------------------


def divide(x, y, dtype):
    if math.isnan(x) or math.isinf(x):
        return x / y
    return uniform.quotient(x, y, dtype)


def add(x, y, dtype):
    """Rounded once: a double holds enough of a sum of two f32."""
    return round_to(dtype, x + y)


def quotient_of_range(form, low, high, dtype):
    """C23, before what is computed is limited."""
    if isinstance(form, Uniform):
        if form.asymmetric:
            return divide(add(max(high, 0.0), -min(low, 0.0), dtype), form.high - form.low, dtype)
        return divide(max(-low, high) if form.signed else high, form.high, dtype)
    numbers = [form.number(q, dtype) for q in form.codes]
    scale = divide(high, max(numbers), dtype)
    return max(divide(low, min(numbers), dtype), scale) if min(numbers) < 0 else scale


def power_of_two(value, upwards):
    """The power of two next to the positive `value`."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - (0 if upwards and mantissa != 0.5 else 1))


def scale_of_range(form, low, high, outer, scales, dtype):
    """C23 and C24, `scales` being None, e8m0 or e4m3."""
    largest = 2.0 ** (127 if dtype == "f32" else 1023)
    upwards = not isinstance(form, SmallFloat)
    if scales == "e8m0" and not upwards:
        exponent = math.floor(math.log2(float(form.magnitudes[form.highest])))
        scale = divide(max(high, -low), 2.0**exponent, dtype)
    else:
        scale = quotient_of_range(form, low, high, dtype)
    scale = min(scale, largest) if scale > 0 else 1.0
    if scales == "e8m0":
        return min(max(power_of_two(scale, upwards), 2.0**-126), 2.0**127)
    if scales == "e4m3":
        e4m3 = SMALL_FLOATS[0]
        code = max(e4m3.quantize(divide(scale, outer, dtype), dtype), 1)
        return round_to(dtype, e4m3.number(code, dtype) * outer)
    return scale


def zero_of_range(form, low, scale, dtype):
    """C25."""
    return form.low + nearest_code(divide(-min(low, 0.0), scale, dtype), 0, form.high - form.low)


def passes(form, t, dtype, zero=0):
    """C27: whether the derivative at the quotient `t` is 1."""
    if isinstance(form, Uniform):
        return form.low - zero <= t <= form.high - zero
    numbers = [form.number(q, dtype) for q in form.codes]
    return min(numbers) <= t <= max(numbers)
