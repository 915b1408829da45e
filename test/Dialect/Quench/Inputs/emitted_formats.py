"""Compiles what quantizers emit and compares the bits of its results.

    emitted_formats.py QUENCH_OPT TEST_PASSES MLIR_RUNNER LIBRARIES
"""

import itertools
import math
import pathlib
import random
import subprocess
import sys

import numerics

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
import formats  # noqa: E402
import uniform  # noqa: E402


def bits_of(dtype, value):
    """As a signed integer, which is what constants are printed as."""
    bits, width = uniform.to_bits(dtype, value), 8 * uniform.SIZES[dtype]
    return bits - 2**width if bits >> (width - 1) else bits


class Check:
    """A loop over constants; the body compares and counts. `columns` are lists of
    numbers, with names and types; `body` ends in i1 values that should be false."""

    def __init__(self, name, columns, body, wrong):
        self.name, self.columns, self.body, self.wrong = name, columns, body, wrong
        self.count = len(next(iter(columns.values()))[1])

    def text(self, number):
        constants, inputs, arguments = [], [], []
        for name, (kind, values) in self.columns.items():
            listed = ", ".join(
                f"0x{uniform.to_bits(kind, v):0{2 * uniform.SIZES[kind]}X}" if kind[0] == "f" else str(v) for v in values)
            constants.append(f"  %{name}s = arith.constant dense<[{listed}]> : tensor<{self.count}x{kind}>")
            inputs.append((f"%{name}s", f"tensor<{self.count}x{kind}>"))
            arguments.append(f"%{name}: {kind}")
        maps = ", ".join(["affine_map<(i) -> (i)>"] * len(inputs) + ["affine_map<(i) -> ()>"])
        return "\n".join([
            f"func.func private @check{number}() attributes {{llvm.noinline}} {{", *constants,
            "  %none = arith.constant dense<0> : tensor<i64>",
            f"  %count = linalg.generic {{indexing_maps = [{maps}], iterator_types = [\"reduction\"]}}"
            f" ins({', '.join(n for n, _ in inputs)} : {', '.join(k for _, k in inputs)}) outs(%none : tensor<i64>) {{",
            f"  ^bb0({', '.join(arguments)}, %sum: i64):", *self.body,
            *[f"    %w{i} = arith.extui %{w} : i1 to i64\n    %sum{i} = arith.addi %sum{i - 1 if i else ''}, %w{i} : i64"
              for i, w in enumerate(self.wrong)],
            f"    linalg.yield %sum{len(self.wrong) - 1} : i64", "  } -> tensor<i64>",
            "  %n = tensor.extract %count[] : tensor<i64>", "  vector.print %n : i64", "  return", "}"])


def differ(name, found, dtype, expected):
    """Lines that set %name if the float `found` has other bits than `expected`."""
    word = f"i{8 * uniform.SIZES[dtype]}"
    return [f"    %{name}b = arith.bitcast %{found} : {dtype} to {word}",
            f"    %{name} = arith.cmpi ne, %{name}b, %{expected} : {word}"]


def code_checks(dtype):
    """Codes, what they stand for, both in one, and derivatives."""
    rnd = random.Random(dtype)
    word = f"i{8 * uniform.SIZES[dtype]}"
    for form in formats.all_formats():
        quotients = sorted(set(formats.quotients(form, dtype)), key=lambda t: uniform.to_bits(dtype, t))
        if len(quotients) > 150:
            quotients = rnd.sample(quotients, 150)
        rows = []
        for t in quotients:
            s = 1.0 if rnd.random() < 0.5 else uniform.round_to(dtype, rnd.choice([0.25, 3.0, rnd.uniform(0.01, 1), 1e-38]))
            x = uniform.round_to(dtype, t * s)
            code = formats.code_of(form, x, s, dtype)
            through = formats.passes(form, x if x == 0 else formats.divide(x, s, dtype), dtype)
            rows.append((x, s, code, bits_of(dtype, formats.number_of(form, code, s, dtype)), int(not through)))
        # Codes in the type that holds them; other ones that fit into it stand for something too.
        half = 2 ** (form.bits - 1)
        stored = [(c + half) % (2 * half) - half for c in (row[2] for row in rows)]
        columns = {"x": (dtype, [r[0] for r in rows]), "s": (dtype, [r[1] for r in rows]),
                   "q": (f"i{form.bits}", stored), "n": (word, [r[3] for r in rows]), "t": ("i8", [r[4] for r in rows])}
        yield Check(form.text, columns, [
            f'    %a = "test.quantize"(%x, %s) {{by = {form.text}}} : ({dtype}, {dtype}) -> i{form.bits}',
            f"    %w_code = arith.cmpi ne, %a, %q : i{form.bits}",
            f'    %b = "test.dequantize"(%q, %s) {{by = {form.text}}} : (i{form.bits}, {dtype}) -> {dtype}',
            *differ("w_number", "b", dtype, "n"),
            f'    %c = "test.fake_quantize"(%x, %s) {{by = {form.text}}} : ({dtype}, {dtype}) -> {dtype}',
            *differ("w_fake", "c", dtype, "n"),
            f'    %d = "test.straight_through"(%x, %s) {{by = {form.text}}} : ({dtype}, {dtype}) -> i1',
            "    %clipped = arith.trunci %t : i8 to i1",
            "    %w_through = arith.cmpi eq, %d, %clipped : i1",
        ], ["w_code", "w_number", "w_fake", "w_through"])
        unused = [c for c in range(-half if form.signed else 0, half if form.signed else 2 * half) if c not in form.codes]
        if unused:
            yield Check(f"{form.text}, other codes", {
                "q": (f"i{form.bits}", [(c + half) % (2 * half) - half for c in unused]),
                "n": (word, [bits_of(dtype, form.number(c, dtype)) for c in unused])}, [
                f"    %s = arith.constant 1.0 : {dtype}",
                f'    %b = "test.dequantize"(%q, %s) {{by = {form.text}}} : (i{form.bits}, {dtype}) -> {dtype}',
                *differ("w_number", "b", dtype, "n")], ["w_number"])


def scale_checks(dtype):
    """Scales and zero points of ranges."""
    rnd = random.Random(dtype)
    word = f"i{8 * uniform.SIZES[dtype]}"
    everything = [formats.Uniform(bits, signed, asymmetric)
                  for bits, signed, asymmetric in itertools.product((2, 4, 8), (False, True), (False, True))]
    everything += [formats.CodeBook(formats.NF4, "nf4"), formats.CodeBook([-1.0, -0.25, 0.0, 0.5]), formats.Log(4),
                   formats.TwinUniform(4, False, 3), formats.TwinUniform(8, True, -2), formats.Ternary(),
                   formats.Binary(), *formats.SMALL_FLOATS]
    tiny, huge = uniform.from_bits(dtype, 1), uniform.round_to(dtype, 3e38)
    ranges = [(0.0, 0.0), (-1.0, 1.0), (-8.0, 7.0), (0.0, 5.0), (3.0, 5.0), (-5.0, -3.0), (-tiny, tiny), (-huge, huge),
              (-math.inf, math.inf), (math.nan, math.nan), (-448.0, 6.0), (0.0, 2.0**-130)]
    ranges += [tuple(sorted((uniform.round_to(dtype, rnd.gauss(0, 10)), uniform.round_to(dtype, rnd.gauss(0, 10)))))
               for _ in range(20)]
    for form, scales in itertools.product(everything, (None, "e8m0", "e4m3")):
        rows = []
        for low, high in ranges:
            outer = uniform.round_to(dtype, rnd.choice([1.0, 1e-3, 0.5])) if scales == "e4m3" else 1.0
            scale = formats.scale_of_range(form, low, high, outer, scales, dtype)
            zero = formats.zero_of_range(form, low, scale, dtype) if getattr(form, "asymmetric", False) else 0
            rows.append((low, high, outer, bits_of(dtype, scale), zero))
        half = 2 ** (form.bits - 1)
        text = form.text
        if scales:
            text = text[:-1] + f", scale = {scales}>" if text.endswith(">") else f"{text}<scale = {scales}>"
        columns = {"l": (dtype, [r[0] for r in rows]), "h": (dtype, [r[1] for r in rows]),
                   "o": (dtype, [r[2] for r in rows]), "e": (word, [r[3] for r in rows])}
        results, kinds, body, wrong = "%a", dtype, [], ["w_scale"]
        if getattr(form, "asymmetric", False):
            columns["z"] = (f"i{form.bits}", [(r[4] + half) % (2 * half) - half for r in rows])
            results, kinds, wrong = "%a, %b", f"{dtype}, i{form.bits}", ["w_scale", "w_zero"]
            body = [f"    %w_zero = arith.cmpi ne, %b, %z : i{form.bits}"]
        yield Check(text, columns, [
            f'    {results} = "test.parameters"(%l, %h, %o) {{by = {text}}} : ({dtype}, {dtype}, {dtype}) -> ({kinds})',
            *differ("w_scale", "a", dtype, "e"), *body], wrong)


def main():
    opt, passes, runner, libraries = sys.argv[1:]
    failed = 0
    for (title, checks), dtype in itertools.product((("codes", code_checks), ("scales", scale_checks)), ("f32", "f64")):
        listed = list(checks(dtype))
        module = "\n".join([*(check.text(i) for i, check in enumerate(listed)), "func.func @main() {",
                            *(f"  call @check{i}() : () -> ()" for i in range(len(listed))), "  return", "}"])
        expanded = subprocess.run([opt, "-", "--allow-unregistered-dialect", f"--load-pass-plugin={passes}",
                                   "--test-quench-quantizers"], input=module, text=True, capture_output=True)
        if expanded.returncode:
            sys.exit(f"expansion failed\n{expanded.stderr[-3000:]}")
        counts = [int(word) for word in numerics.run_module(opt, runner, libraries, expanded.stdout).split()]
        for check, wrong in zip(listed, counts, strict=True):
            if wrong:
                failed += 1
                print(f"{title}, {dtype}: {check.name}: {wrong} results of {check.count} rows differ")
        print(f"{title}, {dtype}: {len(listed)} checks, {sum(check.count for check in listed)} rows")
    sys.exit(1 if failed else 0)


main()
