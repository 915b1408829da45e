"""Quantized programs in integers, as docs/spec.md defines them.

Reads IR in MLIR's generic form and evaluates quantizers, weight programs and
products of codes with numpy, from the spec alone: codes are integers, sums of
products of codes are exact, and every operation on floats is one of IEEE 754 in
the order that the spec has. What the spec fixes to the bit comes out to the bit;
of sums of floats (C33) the bound comes out.
"""

import functools
import json
import re
import struct

import formats
import numpy as np

DTYPES = {"f32": np.float32, "f64": np.float64, "i8": np.int8, "i32": np.int32, "i64": np.int64}
STORED = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32, "I8": np.int8}


def load(path):
    """The tensors of a safetensors file."""
    with open(path, "rb") as stream:
        (size,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(size))
        body = stream.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], STORED[entry["dtype"]]).reshape(entry["shape"])
    return tensors


# -- IR ------------------------------------------------------------------------

BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def places(text, start=0):
    """Each place from `start` on that is in no string, with how many brackets that
    opened since are open behind it."""
    depth, i = [], start
    while i < len(text):
        c = text[i]
        if c == '"':
            i = text.index('"', i + 1)
        elif text.startswith("->", i):
            i += 1
        elif c in BRACKETS:
            depth.append(BRACKETS[c])
        elif depth and c == depth[-1]:
            depth.pop()
        yield i, len(depth)
        i += 1
    assert not depth, text


def split(text, separator=","):
    """`text` cut where `separator` stands outside of brackets and strings."""
    pieces, start = [], 0
    for i, depth in places(text):
        if text[i] == separator and depth == 0:
            pieces.append(text[start:i].strip())
            start = i + 1
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def close(text, start):
    """The place after the bracket that closes the one at `start`."""
    return next(i + 1 for i, depth in places(text, start) if depth == 0)


def dictionary(text):
    """The entries of `{key = value, flag}`; values stay text."""
    return {key.strip(): value.strip() for key, _, value in
            (piece.partition("=") for piece in split(text[1:-1]))}


def types(text):
    return split(text[1:-1]) if text.startswith("(") else [text]


class Op:
    """An operation without regions: `%r = "name"(%a) <{...}> {...} : (T) -> U`."""

    LINE = re.compile(r'\s*(?:(%[\w:]+) = )?"([\w.]+)"\(([^)]*)\)')

    def __init__(self, line):
        head = self.LINE.match(line)
        assert head, line
        name, _, count = (head[1] or "").partition(":")
        self.results = [f"{name}#{i}" for i in range(int(count))] if count else [name] if name else []
        self.name = head[2]
        self.operands = split(head[3])
        rest = line[head.end():].strip()
        self.attributes = {}
        for opening in "<{", "{":
            if rest.startswith(opening):
                end = close(rest, 0)
                inner = rest[1:end - 1] if opening == "<{" else rest[:end]
                self.attributes.update(dictionary(inner))
                rest = rest[end:].strip()
        assert rest.startswith(": "), line
        operands, results = split(rest[2:].replace("->", "→"), "→")
        self.operand_types, self.result_types = types(operands), types(results)

    def __getitem__(self, key):
        return self.attributes[key]

    def segments(self):
        """The operands in the order of the declaration, None where one is absent."""
        sizes = re.search(r": ([\d, ]+)>", self.attributes["operandSegmentSizes"])[1]
        given = iter(self.operands)
        return [next(given) if int(size) else None for size in sizes.split(",")]


class Function:
    """A function of one block, as lines of generic IR that may be changed."""

    def __init__(self, lines):
        self.lines = lines
        head = lines[0]
        start = head.index("<{") + 1
        self.properties = dictionary(head[start:close(head, start)])
        self.name = self.properties["sym_name"].strip('"')
        self.is_entry = "quench.entry" in lines[-1]

    @functools.cached_property
    def ops(self):
        return [Op(line) for line in self.lines[2:-1]]

    def types(self):
        """The type of each value."""
        found = {}
        for argument in split(re.match(r"\s*\^\w+\((.*)\):$", self.lines[1])[1]):
            name, _, kind = argument.partition(":")
            found[name] = kind.strip()
        for op in self.ops:
            found.update(zip(op.results, op.result_types))
        return found

    def write_properties(self):
        head = self.lines[0]
        start = head.index("<{") + 1
        properties = ", ".join(f"{k} = {v}" if v else k for k, v in self.properties.items())
        self.lines[0] = f"{head[:start]}{{{properties}}}{head[close(head, start):]}"

    def rename(self, name):
        self.name, self.properties["sym_name"] = name, f'"{name}"'
        self.write_properties()

    def expose(self, values):
        """Returns each of `values` as a result, too, called as the value without %;
        its dynamic dimensions are the first ones of the inputs."""
        arguments = split(self.properties["arg_attrs"][1:-1])
        symbols = max((re.findall(r'"(\w+)"', dictionary(a).get("quench.dims", "")) for a in arguments
                       if "quench.role" not in a), key=len)
        attributes, kinds, known = [], [], self.types()
        for value in values:
            kind = known[value]
            dims = ", ".join(f'"{symbol}"' for symbol in symbols[:kind.count("?")])
            dims = f", quench.dims = [{dims}]" if dims else ""
            attributes.append(f'{{quench.name = "{value[1:]}"{dims}}}')
            kinds.append(kind)
        takes, gives = split(self.properties["function_type"].replace("->", "→"), "→")
        self.properties["function_type"] = f"{takes} -> ({', '.join(types(gives) + kinds)})"
        old = split(self.properties["res_attrs"][1:-1])
        self.properties["res_attrs"] = f"[{', '.join(old + attributes)}]"
        self.write_properties()
        last = self.ops[-1]
        assert last.name == "func.return"
        self.lines[-2] = (f'"func.return"({", ".join(last.operands + list(values))}) : '
                          f"({', '.join(last.operand_types + kinds)}) -> ()")


class Module:
    """IR that quench-opt printed with --mlir-print-op-generic."""

    def __init__(self, text):
        aliases = dict(re.findall(r"^(#\w+) = (.*)$", text, re.MULTILINE))
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"#\w+\b(?![.<\w])", lambda m: aliases.get(m[0], m[0]), text)
        lines = text.rstrip().split("\n")
        self.first, self.last = lines[0], lines[-1]
        self.functions, begin = [], None
        for i, line in enumerate(lines):
            if line.startswith('  "func.func"'):
                begin = i
            elif line.startswith("  })"):
                self.functions.append(Function(lines[begin:i + 1]))

    def text(self, functions):
        """The module with `functions` in place of its own."""
        return "\n".join([self.first, *(line for f in functions for line in f.lines), self.last, ""])


# -- Formats -------------------------------------------------------------------


def table_of(exponent, mantissa, largest):
    """C20: the magnitudes of a small float, up to the largest."""
    bias = 2**(exponent - 1) - 1
    numbers = []
    for code in range(2**(exponent + mantissa)):
        e, m = divmod(code, 2**mantissa)
        numbers.append(((1 if e else 0) + m / 2**mantissa) * 2.0**(max(e, 1) - bias))
    return np.array([number for number in numbers if number <= largest])


SMALL_FLOATS = {"e4m3": table_of(4, 3, 448), "e5m2": table_of(5, 2, 57344), "e3m2": table_of(3, 2, 28),
                "e2m3": table_of(2, 3, 7.5), "e2m1": table_of(2, 1, 6)}


# C13.
NF4 = [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1]


def round_to_table(table, t):
    """C20: the nearest number, ties to the even code, with the sign of `t`."""
    middles = (table[1:] + table[:-1]) / 2
    magnitude = np.abs(t.astype(np.float64))
    code = np.searchsorted(middles, magnitude, side="left")
    # Exact: a middle has one bit more than numbers have.
    is_tie = middles[np.minimum(code, len(middles) - 1)] == magnitude
    code += (is_tie & (code % 2 == 1)).astype(code.dtype)
    # C21.
    code = np.where(np.isnan(t), len(table) - 1, code)
    sign = np.where(np.isnan(t) | (np.signbit(t)), -1.0, 1.0)
    return np.copysign(table[code], sign)


def round_to_book(numbers, t):
    """C12 and C13: the nearest of ascending numbers, in a middle that of the even code."""
    middles = (numbers[1:] + numbers[:-1]) / 2
    t = np.where(np.isnan(t), -np.inf, t.astype(np.float64))
    code = np.searchsorted(middles, t, side="left")
    is_tie = middles[np.minimum(code, len(middles) - 1)] == t
    return numbers[code + (is_tie & (code % 2 == 1))]


class Format:
    """`#quench.uniform<i4, axis = 0, group = 32>`, `#quench.small_float<e2m1, token,
    group = 16, scale = e4m3>`, `#quench.code_book<nf4, axis = 0>`, `#quench.ternary<axis = 0>`,
    `#quench.log<u4, step = 1 : 2, zero = last>`, `#quench.tangent<u4, a = 2.4, b = 1.2>`."""

    def __init__(self, text):
        kind, body = re.fullmatch(r"#quench\.(\w+)(?:<(.*)>)?", text).groups()
        words = split(body or "")
        self.kind, self.text = kind, text
        self.is_integer = kind in ("uniform", "ternary")
        assert self.is_integer or kind in ("small_float", "code_book", "log", "tangent"), text
        element = words.pop(0) if kind != "ternary" else "ternary"
        self.element, self.axis, self.group, self.scales = element, None, None, None
        self.token = self.sequence = self.asymmetric = False
        step, unit, zero, curve = ["1", "1"], 0, None, {}
        for word in words:
            key, _, value = word.partition(" = ")
            if key == "axis":
                self.axis = int(value)
            elif key == "group":
                self.group = int(value)
            elif key == "scale":
                self.scales = value
            elif key == "step":
                step = value.split(":")
            elif key == "unit":
                unit = int(value)
            elif key == "zero":
                zero = value
            elif key in ("a", "b"):
                curve[key] = float(value)
            else:
                assert key in ("token", "sequence", "asymmetric"), text
                setattr(self, key, True)
        if kind == "uniform":
            bits = int(element[1:])
            self.bits = bits
            self.signed = element[0] == "i"
            self.low, self.high = (-2**(bits - 1), 2**(bits - 1) - 1) if self.signed else (0, 2**bits - 1)
        elif kind == "ternary":
            self.bits, self.signed, self.low, self.high = 2, True, -1, 1
        elif kind == "code_book":
            assert element == "nf4", text
            self.table = np.array(NF4)
        elif kind in ("log", "tangent"):
            # In exact arithmetic, a number at a time.
            bits = int(element[1:])
            self.exact = formats.Tangent(bits, **curve) if curve else formats.Log(bits, *map(int, step), unit=unit, zero=zero)
            self.table = np.array(sorted(self.exact.numbers.values()))
        else:
            self.table = SMALL_FLOATS[element]
        # The greatest number at scale 1; the least is as great.
        self.greatest = float(self.high if self.is_integer else self.table[-1])

    def sets(self, x):
        """`x` with the elements that share parameters along the last dimension, and
        before it the dimensions of C11."""
        shape = list(x.shape)
        if self.token:
            kept = shape[:-1]
        elif self.sequence:
            x = np.moveaxis(x, 1, -2)
            kept = shape[:1] + shape[2:-1]
        elif self.axis is not None:
            x = np.moveaxis(x, self.axis, 0)
            kept = [shape[self.axis]]
            if self.group:
                assert self.axis != len(shape) - 1
        else:
            kept = []
        if self.group:
            # Rows of the last dimension; other dimensions would lie between.
            assert self.token or len(shape) == len(kept) + 1 and not self.sequence, self.text
            kept.append(shape[-1] // self.group)
        return x.reshape(*kept, -1)

    def spread(self, parameters, shape):
        """`parameters` for every element of a tensor of `shape`."""
        if self.group:
            parameters = np.repeat(parameters, self.group, axis=-1)
            return np.broadcast_to(parameters, shape)
        if self.token:
            return np.broadcast_to(parameters[..., None], shape)
        if self.sequence:
            return np.broadcast_to(np.expand_dims(parameters, 1)[..., None], shape)
        if self.axis is not None:
            dims = [1] * len(shape)
            dims[self.axis] = -1
            return np.broadcast_to(parameters.reshape(dims), shape)
        return np.broadcast_to(parameters, shape)

    def scale(self, x):
        """C23, C24 and C26 for the numbers of `x`."""
        compute = x.dtype.type
        sets = self.sets(x)
        has_nan = np.isnan(sets).any(-1)
        low, high = sets.min(-1), sets.max(-1)
        magnitude = np.maximum(-low, high)
        with np.errstate(all="ignore"):
            if self.is_integer and self.asymmetric:
                scale = (np.maximum(high, compute(0)) - np.minimum(low, compute(0))) / compute(self.high - self.low)
            elif self.scales == "e8m0" and not self.is_integer:
                scale = magnitude / compute(2.0**np.floor(np.log2(self.greatest)))
            elif self.kind == "log" or self.is_integer and not self.signed:
                scale = high / compute(self.greatest)
            else:
                scale = magnitude / compute(self.greatest)
        scale = np.where((scale > 0) & ~has_nan, scale, compute(1))
        scale = np.minimum(scale, compute(2.0**(127 if compute is np.float32 else 1023)))
        if self.scales == "e8m0":
            mantissa, exponent = np.frexp(scale)
            upwards = self.is_integer
            exponent = exponent - np.where(upwards & (mantissa != 0.5), 0, 1)
            scale = np.ldexp(compute(1), np.clip(exponent, -126, 127)).astype(compute)
        elif self.scales == "e4m3":
            most = np.abs(x).max()
            outer = compute(most) / compute(448 * self.greatest)
            outer = outer if outer > 0 else compute(1)
            table = SMALL_FLOATS["e4m3"]
            with np.errstate(all="ignore"):
                number = round_to_table(table, scale / outer)
            number = np.where(number == 0, table[1], number)
            scale = (number.astype(compute) * outer).astype(compute)
        return scale

    def zero(self, x, scale):
        """C25 for the numbers of `x` and their scales."""
        sets = self.sets(x)
        assert self.asymmetric and not np.isnan(sets).any(), self.text
        code = np.rint(np.clip(-np.minimum(sets.min(-1), x.dtype.type(0)) / scale, 0, self.high - self.low))
        return (self.low + code).astype(np.int64).astype(np.uint8).view(np.int8)

    def encode(self, x, scale, zero=None):
        """C6: integers, less the zero point; or C13 and C20: numbers at scale 1."""
        with np.errstate(all="ignore"):
            t = x / self.spread(scale, x.shape)
        if self.kind == "code_book":
            return round_to_book(self.table, t)
        if self.kind in ("log", "tangent"):
            different, places = np.unique(t, return_inverse=True)
            found = [self.exact.numbers[self.exact.quantize(float(x), None)] for x in different]
            return np.array(found)[places].reshape(t.shape)
        if not self.is_integer:
            return round_to_table(self.table, t)
        z = np.int64(0) if zero is None else self.spread(self.unsign(zero), x.shape)
        low, high = (self.low - z).astype(t.dtype), (self.high - z).astype(t.dtype)
        t = np.where(t > low, t, low)
        t = np.where(t < high, t, high)
        return np.rint(t).astype(np.int64)

    def unsign(self, codes):
        """Bytes as the codes that they hold."""
        codes = np.asarray(codes).astype(np.int64)
        return codes if self.signed else codes & 255

    def integers(self, codes, zero=None):
        """Codes less their zero points."""
        codes = self.unsign(codes)
        return codes if zero is None else codes - self.spread(self.unsign(zero), codes.shape)

    def decode(self, numbers, scale):
        """C8 and C20: what integers, or numbers at scale 1, stand for."""
        with np.errstate(all="ignore"):
            result = numbers.astype(scale.dtype) * self.spread(scale, numbers.shape)
        return result + scale.dtype.type(0) if self.is_integer else result


def fma(a, b, c):
    """a b + c of f32, rounded once. The product is exact in f64; the sum is rounded
    to odd there, so that rounding it again to f32 is rounding once."""
    with np.errstate(all="ignore"):
        product, c = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
        total = product + c
        other = total - product
        error = (product - (total - other)) + (c - other)
        bits = total.view(np.int64)
        inexact = np.isfinite(total) & (error != 0) & (bits % 2 == 0)
        neighbour = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
        return np.where(inexact, neighbour, total).astype(np.float32)


# -- Ops -----------------------------------------------------------------------


def integer_linear(x, x_scale, x_zero, x_format, w, w_scale, w_zero, w_format, bias):
    """C28 to C30; codes are bytes."""
    a, b = x_format.integers(x, x_zero), w_format.integers(w, w_zero)
    rows, size = a.reshape(-1, a.shape[-1]), w_format.group or a.shape[-1]
    groups = a.shape[-1] // size
    assert size * 2**(x_format.bits + w_format.bits) < 2**31
    scale_a = np.broadcast_to(np.asarray(x_scale).reshape(-1, 1), (len(rows), 1)) if x_format.token else x_scale
    scale_w = w_scale.reshape(-1, groups) if w_format.axis is not None else np.broadcast_to(w_scale, (len(b), groups))
    result = np.zeros((len(rows), len(b)), np.float32)
    for g in range(groups):
        part = slice(g * size, (g + 1) * size)
        # f64 holds these integers, whatever the order.
        sums = rows[:, part].astype(np.float64) @ b[:, part].astype(np.float64).T
        assert np.abs(sums).max(initial=0) < 2**31
        with np.errstate(all="ignore"):
            floats = sums.astype(np.float32)
            if groups == 1:
                result = floats * (scale_a * scale_w[:, g])
            else:
                result = fma(floats, np.broadcast_to(scale_w[:, g], result.shape), result)
    with np.errstate(all="ignore"):
        if groups > 1:
            result = result * scale_a
        if bias is not None:
            result = result + bias
    return result.reshape(*x.shape[:-1], len(b))


def attention_weights(scores, unit):
    """C35: the weights of each row of scores in octaves, `unit` that of the greatest;
    hidden keys have -inf."""
    f32 = np.float32
    known = np.where(np.isnan(scores), f32(-np.inf), scores)
    greatest = np.maximum(known.max(-1, keepdims=True, initial=-np.inf), f32(-2.0**100))
    with np.errstate(all="ignore"):
        t = scores - greatest
    t = np.where(t > f32(-64), t, f32(-64))
    whole = np.rint(t)
    rest = t - whole
    c0, c1, c2, c3 = (f32(unit * c) for c in (1, 0.69328293, 0.24221096, 0.05500892))
    power = ((c3 * rest + c2) * rest + c1) * rest + c0
    assert power.dtype == f32
    return np.rint(np.ldexp(power, whole.astype(int))).astype(np.int64)


def probability_integers(form):
    """C41: the numbers of a format of probabilities, their integers, what these are
    multiples of, and how many bytes they have."""
    if form.is_integer:
        numbers = np.arange(form.high + 1, dtype=np.float64)
        return numbers, numbers.astype(np.int64), np.float32(1), 1
    numbers = np.unique(form.table.astype(np.float64))
    for count in (1, 2, 3):
        unit = 2.0**(1 - 8 * count) * numbers[-1]
        integers = np.rint(numbers / unit)
        if (np.abs(integers * unit - numbers)[1:] <= np.diff(numbers) / 64).all() and \
           (np.abs(integers * unit - numbers)[:-1] <= np.diff(numbers) / 64).all():
            break
    return numbers, integers.astype(np.int64), np.float32(unit), count


def integer_attention(q, q_scale, k, k_scale, v, v_scale, bias, seen, factor, form, scale):
    """C35, C36, C40 and C41: integers and scales, each `[B, tokens, H, channels]`, a bias
    and which keys are seen, both `[B, H, T, L]`, the factor of scores, the format of
    probabilities and, where it is given, their scale."""
    f32 = np.float32
    heads = [x.astype(np.float64).swapaxes(1, 2) for x in (q, k, v)]
    # f64 holds these integers, whatever the order.
    sums = (heads[0] @ heads[1].swapaxes(2, 3)).astype(f32)
    q_scale, k_scale, v_scale = (s[..., 0].swapaxes(1, 2) for s in (q_scale, k_scale, v_scale))
    octaves = f32(factor * 1.4426950408889634)
    with np.errstate(all="ignore"):
        scores = sums * ((q_scale * octaves)[..., None] * k_scale[:, :, None, :])
        if bias is not None:
            scores = scores + bias * f32(1.4426950408889634)
    has_codes = scale is None and form.is_integer
    weights = attention_weights(np.where(seen, scores, f32(-np.inf)), 256 * form.high if has_codes else 2**22)
    blocks = [slice(begin, begin + 256) for begin in range(0, k.shape[1], 256)]

    def add(numbers):
        total = np.zeros_like(numbers[..., 0, :], dtype=f32)
        for block in blocks:
            total = total + numbers[..., block, :].sum(-2).astype(f32)
        return total

    def add_values(codes):
        result = np.zeros((*codes.shape[:-1], v.shape[-1]), f32)
        for block in blocks:
            result = result + (codes[..., block].astype(np.float64) @ heads[2][:, :, block]).astype(f32)
        return result

    total = np.maximum(add(weights[..., None])[..., 0], f32(1))
    if has_codes:
        result, unit = add_values((weights + 128) // 256), f32(256) / total
    else:
        with np.errstate(all="ignore"):
            numbers, integers, unit, count = probability_integers(form)
            factor = f32(2.0**-22) * f32(numbers[-1]) if scale is None else (f32(1) / (total * scale))[..., None]
            x = weights.astype(f32) * factor
            found = form.encode(x, f32(1)).astype(np.float64)
        places = np.minimum(np.searchsorted(numbers, found), len(numbers) - 1)
        assert (numbers[places] == found)[weights > 0].all()
        codes = np.where(weights == 0, 0, integers[places])
        result = None
        for byte in reversed(range(count)):
            part = add_values(codes >> 8 * byte & 255)
            result = part if result is None else result * f32(256) + part
        unit = f32(2.0**(23 - 8 * count)) / total if scale is None else np.broadcast_to(unit * scale, total.shape)
    return (result * (unit * v_scale[:, :, :1])[..., None]).swapaxes(1, 2)


def log_int_powers(steps, step):
    """C38: the powers of integers of scores, over the last dimension."""
    linear = int(np.floor(0.96963238 / 0.35815147 / step))
    constant = int(np.floor(1 / 0.35815147 / (step * step)))
    octave = int(np.floor(-0.6931 / step))
    whole, rest = np.divmod(steps.max(-1, keepdims=True) - steps, -octave)
    polynomial = -rest * (-rest + linear) + constant
    return np.where((whole > 30) | (steps == -2**29), 0, polynomial << np.maximum(30 - whole, 0))


def log_int_ratios(powers):
    """C38: the sum of powers over each of them, rounded; 0 where a power is 0."""
    # Exact for rows of fewer than 2^19 keys.
    total = np.minimum(powers.sum(-1, keepdims=True), 2**62)
    ratio, rest = np.divmod(total, np.maximum(powers, 1))
    ratio = ratio + ((2 * rest > powers) | ((2 * rest == powers) & (ratio % 2 == 1)))
    return np.where(powers == 0, 0, ratio)


def log_int_codes(scores, step, last):
    """C38: the codes of the probabilities of scores, `last` that of 0; keys that are
    not seen have -inf."""
    with np.errstate(all="ignore"):
        t = scores / scores.dtype.type(step)
    t = np.where(t > -2**29, t, -2**29)
    t = np.where(t < 2**29, t, 2**29)
    ratio = log_int_ratios(log_int_powers(np.rint(t).astype(np.int64), step))
    octaves = np.frexp(np.maximum(ratio, 1).astype(np.float64))[1] - 1
    code = octaves + (ratio >= 1.5 * 2.0**octaves)
    return np.where(ratio == 0, last, np.minimum(code, last))


def log_int_attention(q, q_scale, k, k_scale, v, v_scale, bias, seen, factor, step, last):
    """C38 and C39: as `integer_attention`, and the step of scores and the code of 0."""
    f32 = np.float32
    heads = [x.swapaxes(1, 2) for x in (q, k, v)]
    # f64 holds these integers, whatever the order.
    sums = (heads[0].astype(np.float64) @ heads[1].astype(np.float64).swapaxes(2, 3)).astype(f32)
    q_scale, k_scale, v_scale = (s[..., 0].swapaxes(1, 2) for s in (q_scale, k_scale, v_scale))
    with np.errstate(all="ignore"):
        scores = sums * ((q_scale * f32(factor))[..., None] * k_scale[:, :, None, :])
        if bias is not None:
            scores = scores + bias
    codes = log_int_codes(np.where(seen, scores, f32(-np.inf)), step, last)
    numbers = np.where(codes == last, 0, np.int64(1) << (last - 1 - np.minimum(codes, last - 1)))
    unit = f32(2.0**(1 - last))
    return ((numbers @ heads[2]).astype(f32) * (v_scale[:, :, :1] * unit)[..., None]).swapaxes(1, 2)


def float_linear(x, w, bias, roundings=0):
    """C33: the sums of products, and how far from them the result may be, with so many
    roundings on top of those of the sums."""
    rows, w64 = x.reshape(-1, x.shape[-1]).astype(np.float64), w.astype(np.float64)
    count = (x.shape[-1] + roundings) * 2.0**-24
    total = rows @ w64.T
    bound = count / (1 - count) * (np.abs(rows) @ np.abs(w64).T)
    if bias is not None:
        total = total + bias
        bound = bound + 2.0**-24 * (np.abs(total) + bound)
    # f64 rounds here, too.
    bound = bound * (1 + 2.0**-20) + 2.0**-149
    shape = (*x.shape[:-1], len(w))
    return total.reshape(shape), bound.reshape(shape)


def weight_only_linear(x, w, w_scale, w_zero, w_format, bias):
    """C33 of floats and integers, or numbers of a table, then C30 with a rounding for
    each group."""
    numbers = w_format.decode(w_format.integers(w, w_zero) if w_format.is_integer else w, w_scale.astype(np.float64))
    groups = x.shape[-1] // (w_format.group or x.shape[-1])
    return float_linear(x, numbers, bias, roundings=groups)


class Interpreter:
    """Evaluates values of a function. Those that no op here gives are looked up among
    `observed`, by the name of the value without %."""

    def __init__(self, function, archives, observed):
        self.archives, self.observed = archives, observed
        self.producers = {result: op for op in function.ops for result in op.results}
        self.known = {}

    def get(self, value):
        if value is None:
            return None
        if value[1:] in self.observed:
            return self.observed[value[1:]]
        if value not in self.known:
            op = self.producers[value]
            results = self.evaluate(op)
            self.known.update(zip(op.results, results if len(op.results) > 1 else [results]))
        return self.known[value]

    def comes_from(self, value, name):
        """Whether an op called `name` gives a value, perhaps before a cast."""
        op = self.producers.get(value)
        if op is not None and op.name == "quench.cast":
            op = self.producers.get(op.operands[0])
        return op is not None and op.name == name

    def is_program(self, value):
        """Whether a value depends on parameters alone."""
        op = self.producers.get(value)
        return op is not None and all(map(self.is_program, op.operands))

    def evaluate(self, op):
        method = getattr(self, op.name.removeprefix("quench."), None)
        assert method and op.name.startswith("quench."), f"the interpreter has no {op.name}"
        return method(op)

    def param(self, op):
        scope, key = re.search(r'"(.*?)"::"(.*?)"', op["ref"]).groups()
        return self.archives[scope][key]

    def cast(self, op):
        element = re.search(r"(?:x|<)([a-z]+\d+)>$", op.result_types[0])[1]
        return self.get(op.operands[0]).astype(DTYPES[element])

    def slice(self, op):
        axis, begin, end = (int(op[key].split()[0]) for key in ("axis", "begin", "end"))
        return self.get(op.operands[0])[(slice(None),) * axis + (slice(begin, end),)]

    @staticmethod
    def shape_of(op):
        return [int(size) for size in re.findall(r"(\d+)x", op.result_types[0])]

    def reshape(self, op):
        return self.get(op.operands[0]).reshape(self.shape_of(op))

    def concat(self, op):
        return np.concatenate(list(map(self.get, op.operands)), int(op["axis"].split()[0]))

    def fill(self, op):
        element = DTYPES[re.search(r"(?:x|<)([a-z]+\d+)>$", op.result_types[0])[1]]
        return np.full(self.shape_of(op), float(op["value"].split()[0]), element)

    def quant_scale(self, op):
        return Format(op["quantizer"]).scale(self.get(op.operands[0]))

    dynamic_scale = quant_scale

    def search_scale(self, op):
        """Of one step, the range itself."""
        assert int(op["steps"].split()[0]) == 1
        return self.quant_scale(op)

    def quant_zero(self, op):
        form, x = Format(op["quantizer"]), self.get(op.operands[0])
        return form.zero(x, form.scale(x))

    def dynamic_parameters(self, op):
        form, x = Format(op["quantizer"]), self.get(op.operands[0])
        scale = form.scale(x)
        return scale, form.zero(x, scale)

    def extent(self, op):
        """The least and the greatest number, of all channels."""
        assert "parts" not in op.attributes
        low, high = map(self.get, op.operands)
        return np.array([low.min(), high.max()])

    # One range for the tensor: its ends are numbers like others.
    static_scale, static_zero = quant_scale, quant_zero

    def quantize(self, op):
        """Of tables and small floats the numbers at scale 1, in place of their codes."""
        x, scale, zero, _ = map(self.get, op.segments())
        return self.codes(Format(op["quantizer"]), x, scale, zero)

    def codes(self, form, x, scale, zero=None):
        codes = form.encode(x, scale, zero)
        return codes if zero is None else codes + form.spread(form.unsign(zero), codes.shape)

    def dequantize(self, op):
        form = Format(op["quantizer"])
        numbers, scale, zero, _ = map(self.get, op.segments())
        if form.is_integer:
            numbers = form.integers(numbers, zero)
        return form.decode(numbers, scale)

    def encode(self, op):
        codes = self.codes(Format(op["quantizer"]), *map(self.get, op.operands))
        return codes.astype(np.uint8).view(np.int8)

    def fake_quant(self, op):
        form = Format(op["quantizer"])
        x, scale, *zero = map(self.get, op.operands)
        return form.decode(form.encode(x, scale, *zero), scale)

    def integer_linear(self, op):
        x, x_scale, x_zero, w, w_scale, w_zero, bias = map(self.get, op.segments())
        return integer_linear(x, x_scale, x_zero, Format(op["input_quantizer"]), w, w_scale, w_zero,
                              Format(op["weight_quantizer"]), bias)

    def attention_operands(self, op, values, mask, bias):
        """What forms of attention of codes have in common, in the order of their
        arguments; `values` are codes, scales and zero points."""
        (query, _, _), (key, _, _), _ = values
        queries, keys, heads, groups = query.shape[1], key.shape[1], query.shape[2], key.shape[2]
        order = [h // (heads // groups) for h in range(heads)]
        if "head_groups" in op.attributes:
            order = [int(word) for word in re.findall(r"(\d+)(?=[,>])", op["head_groups"])]
        parts = []
        for name, (codes, scale, zero) in zip(("query", "key", "value"), values):
            form = Format(op[f"{name}_quantizer"])
            numbers, scale = form.integers(codes, zero), form.spread(scale, codes.shape)
            parts += [x if name == "query" else x[:, :, order] for x in (numbers, scale)]
        kind = re.search(r"(\w+)>?$", op.attributes.get("mask_kind", "full"))[1]
        distance = keys - queries + np.arange(queries)[:, None] - np.arange(keys)
        seen = np.ones(distance.shape, bool) if kind == "full" else distance >= 0
        if kind == "sliding":
            seen &= distance < int(op["window"].split()[0])
        seen = np.broadcast_to(seen, (len(query), heads, queries, keys))
        if mask is not None:
            seen = seen & (mask != 0)[:, None, None, :]
        if bias is not None:
            bias = np.broadcast_to(bias.astype(np.float32), seen.shape)
        return *parts, bias, seen, float(op["scale"].split()[0])

    def integer_attention(self, op):
        *operands, scale, mask, bias = map(self.get, op.segments())
        values = list(zip(operands[::3], operands[1::3], operands[2::3]))
        return integer_attention(*self.attention_operands(op, values, mask, bias),
                                 Format(op["probability_quantizer"]), scale)

    def log_int_attention(self, op):
        *operands, mask, bias = map(self.get, op.segments())
        values = list(zip(operands[::3], operands[1::3], operands[2::3]))
        bits, zero = re.fullmatch(r"#quench\.log<u(\d), zero = (\w+)>", op["probability_quantizer"]).groups()
        return log_int_attention(*self.attention_operands(op, values, mask, bias), float(op["step"].split()[0]),
                                 2**int(bits) - (zero == "last"))

    def bounded_linear(self, op):
        """A linear that sums floats: its result in f64 and how far it may be from it."""
        if op.name == "quench.linear":
            x, w, *bias = map(self.get, op.operands)
            return float_linear(x, w, *(bias or [None]))
        x, w, w_scale, w_zero, _, bias = map(self.get, op.segments())
        return weight_only_linear(x, w, w_scale, w_zero, Format(op["weight_quantizer"]), bias)
