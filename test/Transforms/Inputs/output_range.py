"""Ranges by the error of outputs, next to all that numpy tries.

    output_range.py data FOLDER       samples, weights and programs
    output_range.py mutate FOLDER     programs that are wrong
    output_range.py check FOLDER ARCHIVE
"""

import json
import pathlib
import struct
import sys

import numpy as np

S, T, L, H, G, D = 3, 5, 6, 4, 2, 3
MULTIPLES = [0.01 + 0.0119 * i for i in range(100)]


def save(path, tensors):
    header, offset = {}, 0
    for name, x in tensors.items():
        kind = {"float64": "F64", "float32": "F32"}[str(x.dtype)]
        header[name] = {"dtype": kind, "shape": x.shape, "data_offsets": [offset, offset + x.nbytes]}
        offset += x.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(x.tobytes() for x in tensors.values()))


def load(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, types = json.loads(data[8:8 + size]), {"F64": np.float64, "F32": np.float32, "I8": np.int8}
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[8 + size:][slice(*e["data_offsets"])], types[e["dtype"]]).reshape(e["shape"])
            for name, e in header.items()}


def make_data(folder):
    rng = np.random.default_rng(11)
    # Some channels are wide, and the weights of these are small.
    width = np.exp(rng.standard_normal(8))
    logits = 2 * rng.standard_normal((S, H, T, L))
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    wide = lambda *shape: rng.standard_t(3, shape)
    save(folder / "stats.safetensors", {
        "x": wide(70, 8) * width, "q": wide(S, T, H * D), "k": wide(S, L, G * D), "v": wide(S, L, G * D), "p": p,
        "other": np.exp(wide(S, L, G * D)), "nan": np.full((2, 8), np.nan), "empty": np.zeros((0, 8))})
    save(folder / "model.safetensors", {
        "w": (rng.standard_normal((5, 8)) / width**2).astype(np.float32),
        "u": (rng.standard_normal((12, 8)) / width**2).astype(np.float32),
        "constant": np.ones((4, 8), np.float32)})


SAMPLES = {"x": (70, 8), "q": (S, T, H * D), "k": (S, L, G * D), "v": (S, L, G * D), "p": (S, H, T, L),
           "other": (S, L, G * D), "nan": (2, 8), "empty": (0, 8)}
HEADS = "#quench.uniform<i4, axis = 2>"
SHIFTS, STEPS = list(range(-5, 8)), [5, 10, 15, 20, 25, 30, 37, 45, 60, 74]
TWINS = [f"#quench.twin_uniform<i4, shift = {shift}>" for shift in SHIFTS]
LOGS = [f"#quench.log<u3, step = {step} : 37, zero = last>" for step in STEPS]


def type_of(shape, element="f64"):
    return "tensor<" + "".join(f"{size}x" for size in shape) + element + ">"


def program(name, text, operands, ranges, quantizer, zero=False):
    """An op that reads the scale, and the zero point, of a range, or the place of a format."""
    types = {key: type_of(shape) for key, shape in SAMPLES.items()}
    types |= {"w": type_of((5, 8), "f32"), "u": type_of((12, 8), "f32")}
    lines = [f"    %{name}_{key} = quench.param <\"{'model' if key in 'wu' else 'stats'}\"::\"{key}\"> : {types[key]}"
             for key in operands]
    for key in operands:
        text = text.replace(f"${key}", f"%{name}_{key}")
    isRange = isinstance(quantizer, str)
    range_type, shape = type_of((*ranges, 2) if isRange else (1,)), type_of(ranges)
    text = text.replace("BY", f"by({quantizer})" if isRange else f"among [{', '.join(quantizer)}]")
    lines.append(f"    %{name}_r = {text} : ({', '.join(types[key] for key in operands)}) -> {range_type}")
    if isRange:
        lines.append(f"    %{name}_s = quench.static_scale %{name}_r by({quantizer}) : ({range_type}) -> {shape}")
    else:
        lines.append(f"    %{name}_s = quench.reshape %{name}_r : ({range_type}) -> {shape}")
        quantizer = "#quench.uniform<i8>"
    arguments, kinds = f"%{name}_s", shape
    if zero:
        lines.append(f"    %{name}_z = quench.static_zero %{name}_r by({quantizer}) : ({range_type}) -> tensor<i8>")
        arguments, kinds = f"%{name}_s, %{name}_z", f"{shape}, tensor<i8>"
    value = "tensor<?x2x4x3xf64>" if ranges == (4,) else "tensor<?x2x2x3xf64>"
    lines.append(f"    %{name} = quench.fake_quant %{'a' if ranges == (4,) else 'b'}, {arguments} by({quantizer})"
                 f" : ({value}, {kinds}) -> {value} loc(\"{name}\")")
    return lines


def write(path, programs):
    lines = ['module attributes {quench.archives = {model = "model.safetensors", stats = "stats.safetensors"}} {',
             "  func.func @f(%a: tensor<?x2x4x3xf64>, %b: tensor<?x2x2x3xf64>) attributes {quench.entry} {"]
    for arguments in programs:
        lines += program(*arguments)
    path.write_text("\n".join([*lines, "    return", "  }", "}", ""]))


def get_programs():
    attention = f"heads {H} groups {G} BY"
    return [
        ("input", "quench.output_range $x with $w, $u BY", "xwu", (), "#quench.uniform<i4>"),
        ("zeros", "quench.output_range $x with $w, $u BY", "xwu", (), "#quench.uniform<u4, asymmetric>", True),
        ("query", f'quench.attention_range "query" of $q with $k {attention}', "qk", (H,), HEADS),
        ("key", f'quench.attention_range "key" of $k with $q {attention}', "kq", (G,), HEADS),
        ("value", f'quench.attention_range "value" of $v with $p {attention}', "vp", (G,), HEADS),
        ("probabilities", f'quench.attention_range "probabilities" of $p with $v {attention}', "pv", (),
         "#quench.uniform<u4>"),
        ("twin", "quench.output_format $x with $w BY", "xw", (), TWINS),
        ("log", f"quench.probabilities_format $p with $v {attention}", "pv", (), LOGS),
    ]


def write_programs(folder):
    write(folder / "ranges.mlir", get_programs())
    for name in ("nan", "empty"):
        write(folder / f"{name}.mlir", [("input", f"quench.output_range ${name} with $w BY", (name, "w"), (),
                                         "#quench.uniform<i4>")])


def mutate(folder):
    programs = get_programs()
    tensor = ("input", f'quench.attention_range "probabilities" of $p with $v heads {H} groups {G} BY', "pv", (),
              "#quench.uniform<i4>")
    write(folder / "tensor.mlir", [tensor, *programs[1:]])
    others = ("query", f'quench.attention_range "query" of $q with $other heads {H} groups {G} BY', ("q", "other"),
              (H,), HEADS)
    write(folder / "others.mlir", [*programs[:2], others, *programs[3:]])
    write(folder / "formats.mlir", [*programs[:6], (*programs[6][:4], TWINS[1:] + TWINS[:1]),
                                    (*programs[7][:4], LOGS[1:] + LOGS[:1])])


def codes(x, scale, low, high, zero=0):
    return (np.clip(np.rint(x / scale) + zero, low, high) - zero) * scale


def twin(x, shift, multiple):
    """4 bits, of which those of one sign have steps of 2^|shift|."""
    up, down = 2.0 ** max(shift, 0), 2.0 ** max(-shift, 0)
    scale = multiple * max(x.max() / (7 * up), -x.min() / (8 * down))
    step = np.where(x < 0, down, up) * scale
    return np.clip(np.rint(x / step), -8, 7) * step


def log(x, step):
    """3 bits, the last code being 0."""
    code = np.rint(-np.log2(np.maximum(x, 1e-300)) * 37 / step)
    return np.where(code >= 7, 0, 2.0 ** (-code * step / 37))


def heads(x, count):
    """`[s, t, count d]` to `[s, count, t, d]`."""
    return x.reshape(*x.shape[:2], count, -1).transpose(0, 2, 1, 3)


class Checker:
    def __init__(self, found):
        self.found, self.failed = found, False

    def say(self, name, isRight, text):
        print(f"{name}: {text if isRight else 'WRONG'}")
        self.failed |= not isRight

    def least(self, name, parts, low, high, text):
        """For each part, of numbers and a function that gives the error of others, the scale is the best."""
        right = True
        for (x, error), scale in zip(parts, np.atleast_1d(self.found[name])):
            whole = (np.abs(x) if low else x).max() / high
            tried = [m * whole for m in MULTIPLES]
            errors = [error(codes(x, s, low, high)) for s in tried]
            right &= np.isclose(scale, tried[int(np.argmin(errors))], rtol=1e-12)
        self.say(name, right, text)


def check(folder, archive):
    given, found = load(folder / "stats.safetensors"), load(archive)
    model = load(folder / "model.safetensors")
    # Tensors are called after the op that reads them.
    checker = Checker({key.split(".")[0]: x for key, x in found.items() if x.dtype == np.float64})
    zeros = [x for x in found.values() if x.dtype == np.int8]
    x, w = given["x"], np.concatenate([model["w"], model["u"]]).astype(float)
    checker.least("input", [(x, lambda y: (((x - y) @ w.T) ** 2).sum())], -8, 7, "least of 100")

    error = lambda y: (((x - y) @ w.T) ** 2).sum()
    ends = [(np.quantile(x, p) - np.quantile(x, 1 - p)) / 15 for p in (0.9, 1.0)]
    tried = min(error(codes(x, s, 0, 15, z)) for s in np.linspace(*ends, 8) for z in range(16))
    mine = error(codes(x, float(checker.found["zeros"]), 0, 15, int(zeros[0])))
    checker.say("zeros", mine <= tried * (1 + 1e-12), "as small as the least of 128")

    q, k, v = heads(given["q"], H), heads(given["k"], G), heads(given["v"], G)
    p, group, many = given["p"], [h * G // H for h in range(H)], f"least of 100 for each of {{}} heads"
    score = lambda a, b: np.einsum("shtd,shld->shtl", a, b)
    parts = [(q[:, [h]], lambda y, h=h: (score(q[:, [h]] - y, k[:, [group[h]]]) ** 2).sum()) for h in range(H)]
    checker.least("query", parts, -8, 7, many.format(H))
    readers = [[h for h in range(H) if group[h] == g] for g in range(G)]
    parts = [(k[:, [g]], lambda y, g=g: (score(q[:, readers[g]], np.repeat(k[:, [g]] - y, 2, 1)) ** 2).sum())
             for g in range(G)]
    checker.least("key", parts, -8, 7, many.format(G))
    parts = [(v[:, [g]], lambda y, g=g: ((p[:, readers[g]] @ np.repeat(v[:, [g]] - y, 2, 1)) ** 2).sum())
             for g in range(G)]
    checker.least("value", parts, -8, 7, many.format(G))
    parts = [(p, lambda y: (((p - y) @ v[:, group]) ** 2).sum())]
    checker.least("probabilities", parts, 0, 15, "least of 100")

    w = model["w"].astype(float)
    errors = [min((((x - twin(x, shift, m)) @ w.T) ** 2).sum() for m in np.linspace(0.005, 1, 200)) for shift in SHIFTS]
    place = int(checker.found["twin"])
    checker.say("twin", errors[place] <= 1.02 * min(errors), f"next to the least of {len(SHIFTS)} formats")
    errors = [(((p - log(p, step)) @ v[:, group]) ** 2).sum() for step in STEPS]
    checker.say("log", int(checker.found["log"]) == int(np.argmin(errors)), f"least of {len(STEPS)} formats")
    return checker.failed


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "data":
        make_data(folder)
        write_programs(folder)
    elif sys.argv[1] == "mutate":
        mutate(folder)
    else:
        sys.exit(check(folder, pathlib.Path(sys.argv[3])))
