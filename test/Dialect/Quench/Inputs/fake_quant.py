"""Compiles quench.fake_quant and compares the bits of its results.

    fake_quant.py QUENCH_OPT MLIR_RUNNER LIBRARIES
"""

import itertools
import json
import math
import pathlib
import random
import sys

from numerics import run_module

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
import uniform  # noqa: E402

SHAPE = 3, 4, 6
SPECIAL = 0.0, -0.0, math.inf, -math.inf, math.nan, 1e30, -1e30


def constant(name, shape, words, element):
    """A constant of bits, behind a cast that hides its shape, and its type."""
    dims = "".join(f"{size}x" for size in shape)
    open_dims = "?x" * len(shape)
    for size in reversed(shape):
        words = ["[" + ", ".join(words[i:i + size]) + "]" for i in range(0, len(words), size)]
    return (f"  %s{name} = arith.constant dense<{words[0]}> : tensor<{dims}{element}>\n"
            f"  %{name} = tensor.cast %s{name} : tensor<{dims}{element}> to tensor<{open_dims}{element}>",
            f"tensor<{open_dims}{element}>")


def hexes(dtype, values):
    return [f"0x{uniform.to_bits(dtype, v):0{2 * uniform.SIZES[dtype]}X}" for v in values]


def signed(word, bits):
    return word - 2**bits if word >= 2 ** (bits - 1) else word


class Case:
    """A tensor of shape `shape` and a quantizer: `words` are its granularity, `place`
    takes an index of the tensor to that of the parameters."""

    def __init__(self, dtype, bits, is_signed, asymmetric, words, shape, data, parameter_shape, place, scales, zeros):
        self.dtype, self.bits, self.shape, self.data = dtype, bits, shape, data
        self.parameter_shape, self.scales, self.zeros = parameter_shape, scales, zeros if asymmetric else None
        self.format = ", ".join([f"{'i' if is_signed else 'u'}{bits}", *(["asymmetric"] if asymmetric else []), *words])
        self.expected = []
        for flat, index in enumerate(itertools.product(*map(range, shape))):
            at = 0
            for i, size in zip(place(index), parameter_shape, strict=True):
                at = at * size + i
            zero = zeros[at] if asymmetric else 0
            self.expected.append(uniform.fake_quantize(data[flat], scales[at], zero, bits, is_signed, dtype))

    def text(self, number):
        """A function that counts the results whose bits are not those expected, and
        what calls it."""
        compute, word = uniform.compute_type(self.dtype), f"i{8 * uniform.SIZES[self.dtype]}"
        constants = [
            constant(f"x{number}", self.shape, hexes(self.dtype, self.data), self.dtype),
            constant(f"p{number}", self.parameter_shape, hexes(compute, self.scales), compute),
            constant(f"e{number}", self.shape,
                     [str(signed(uniform.to_bits(self.dtype, v), 8 * uniform.SIZES[self.dtype])) for v in self.expected],
                     word)]
        if self.zeros is not None:
            constants.append(constant(f"z{number}", self.parameter_shape,
                                      [str(signed(v % 2**self.bits, self.bits)) for v in self.zeros], f"i{self.bits}"))
        kinds = [kind for _, kind in constants]
        x, names = kinds[0], ["%x", "%p", "%e", "%z"][:len(kinds)]
        zero = ", %z" if self.zeros is not None else ""
        operands = ", ".join(kinds[:2] + kinds[3:])
        arguments = ", ".join(f"{name}: {kind}" for name, kind in zip(names, kinds, strict=True))
        call = (f"  call @case{number}({', '.join(f'{name}{number}' for name in names)}) : "
                f"({', '.join(kinds)}) -> ()")
        dims = ", ".join(f"d{i}" for i in range(len(self.shape)))
        identity, scalar = f"affine_map<({dims}) -> ({dims})>", f"affine_map<({dims}) -> ()>"
        reductions = ", ".join(['"reduction"'] * len(self.shape))
        function = "\n".join([
            f"func.func private @case{number}({arguments}) attributes {{llvm.noinline}} {{",
            f"  %y = quench.fake_quant %x, %p{zero} by(#quench.uniform<{self.format}>) : ({operands}) -> {x}",
            "  %none = arith.constant dense<0> : tensor<i64>",
            f"  %count = linalg.generic {{indexing_maps = [{identity}, {identity}, {scalar}], iterator_types = "
            f"[{reductions}]}} ins(%y, %e : {x}, {kinds[2]}) outs(%none : tensor<i64>) {{",
            f"  ^bb0(%a: {self.dtype}, %b: {word}, %sum: i64):",
            f"    %bits = arith.bitcast %a : {self.dtype} to {word}",
            f"    %wrong = arith.cmpi ne, %bits, %b : {word}",
            "    %one = arith.extui %wrong : i1 to i64",
            "    %next = arith.addi %sum, %one : i64",
            "    linalg.yield %next : i64",
            "  } -> tensor<i64>",
            "  %n = tensor.extract %count[] : tensor<i64>",
            "  vector.print %n : i64",
            "  return", "}"])
        return function, "\n".join([*(text for text, _ in constants), call])


# Words, shape of the parameters, and which of them an element uses.
GRANULARITIES = [
    ([], [], lambda i: []),
    (["axis = 1"], [4], lambda i: [i[1]]),
    (["axis = 2"], [6], lambda i: [i[2]]),
    (["token"], [3, 4], lambda i: i[:2]),
    (["token", "group = 2"], [3, 4, 3], lambda i: [i[0], i[1], i[2] // 2]),
    (["axis = 0", "group = 3"], [3, 2], lambda i: [i[0], i[2] // 3]),
    (["group = 2"], [3], lambda i: [i[2] // 2]),
]


def cases(dtype):
    rnd = random.Random(dtype)
    compute = uniform.compute_type(dtype)
    for bits, is_signed, asymmetric in itertools.product((2, 4, 7, 8), (False, True), (False, True)):
        for words, shape, place in GRANULARITIES if bits == 4 else [rnd.choice(GRANULARITIES)]:
            count = math.prod(shape)
            low, high = uniform.code_range(bits, is_signed)
            # Powers of two make ties.
            scales = [uniform.round_to(compute, rnd.choice([0.5, 0.25, 2.0, rnd.uniform(0.01, 1)])) for _ in range(count)]
            zeros = [rnd.randint(low, high) for _ in range(count)]
            data = [uniform.round_to(dtype, rnd.choice([rnd.randint(-20, 20) / 4, rnd.uniform(-1, 1) * 2**bits]))
                    for _ in range(math.prod(SHAPE) - len(SPECIAL))]
            yield Case(dtype, bits, is_signed, asymmetric, words, SHAPE,
                       data + [uniform.round_to(dtype, v) for v in SPECIAL], shape, place, scales, zeros)


def published():
    data = json.loads((pathlib.Path(__file__).parent / "uniform.json").read_text())
    flat = [v for row in data.pop("X") for v in row]
    for name, case in data.items():
        zeros = [int(z) for z in case["zero"]] if "zero" in case else None
        made = Case("f64", 4, zeros is None, zeros is not None, ["token"], (3, 8), flat, [3], lambda i: i[:1],
                    case["scale"], zeros)
        # Published numbers have a -0 where the contract has 0.
        assert made.expected == [v for row in case["deq"] for v in row], name
        yield name, [made]


def main():
    opt, runner, libraries = sys.argv[1:]
    failed = 0
    for name, group in [*((dtype, list(cases(dtype))) for dtype in ("f64", "f32", "f16", "bf16")), *published()]:
        functions, calls = zip(*(case.text(i) for i, case in enumerate(group)))
        module = "\n".join([*functions, "func.func @main() {", *calls, "  return", "}"])
        counts = [int(word) for word in run_module(opt, runner, libraries, module).split()]
        for case, wrong in zip(group, counts, strict=True):
            if wrong:
                failed += 1
                print(f"{name}: {case.format}: {wrong} of {len(case.data)} differ")
        print(f"{name}: {sum(len(case.data) for case in group) - sum(counts)} equal")
    sys.exit(1 if failed else 0)


main()
