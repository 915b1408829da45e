"""Compares whole blocks, compiled from model ops, with published numbers.

    vectors.py QUENCH_OPT MLIR_RUNNER LIBRARIES
"""

import json
import pathlib
import sys

from numerics import Tensor, compare, literal, run_module, static_type

F64 = "f64"


def tensor(data):
    shape, flat = [], data
    while isinstance(flat, list):
        shape.append(len(flat))
        flat = flat[0]
    flat = data
    for _ in shape[1:]:
        flat = [value for row in flat for value in row]
    return Tensor(shape, flat, "i64" if isinstance(flat[0], int) else None)


class Block:
    """Writes a function op by op."""

    def __init__(self):
        self.lines, self.count = [], 0

    def emit(self, text, operands, result):
        """Adds an op: `text` with the names of `operands` in its braces, of type
        `result` or several of such. Returns (name, type) of each result."""
        results = result if isinstance(result, list) else [result]
        names = [f"%v{self.count}_{i}" for i in range(len(results))]
        self.count += 1
        types = ", ".join(kind for _, kind in operands)
        self.lines.append(f"  {', '.join(names)} = {text.format(*(name for name, _ in operands))} : ({types}) -> ("
                          f"{', '.join(results)})")
        found = list(zip(names, results))
        return found if isinstance(result, list) else found[0]

    def unary(self, text, operand):
        name = f"%v{self.count}"
        self.count += 1
        self.lines.append(f"  {name} = {text.format(operand[0])} : {operand[1]}")
        return name, operand[1]

    def constant(self, data):
        value = tensor(data)
        kind = static_type(value, F64)
        name = f"%v{self.count}"
        self.count += 1
        self.lines.append(f"  {name} = arith.constant dense<{literal(value, None if value.itype else F64)}> : {kind}")
        return name, kind

    def linear(self, x, weight, bias=None):
        w = self.constant(weight)
        rows = x[1].removeprefix("tensor<").rsplit("x", 2)[0]
        result = f"tensor<{rows}x{len(weight)}xf64>"
        if bias is None:
            return self.emit("quench.linear {}, {}", [x, w], result)
        return self.emit("quench.linear {}, {} bias {}", [x, w, self.constant(bias)], result)

    def add(self, x, y):
        return self.emit("quench.add {}, {} residual", [x, y], x[1])

    def reshape(self, op, x, groups, shape, result):
        name = f"%v{self.count}"
        self.count += 1
        sizes = f" output_shape {shape}" if op == "expand_shape" else ""
        self.lines.append(f"  {name} = tensor.{op} {x[0]} {groups}{sizes} : {x[1]} into {result}")
        return name, result


def llama(data):
    """A decoder block with grouped queries between embedding and head."""
    b, c, p = Block(), data["config"], data["params"]
    T, D, H, G, E = c["T"], c["D"], c["n_heads"], c["n_kv"], c["head_dim"]
    stream = f"tensor<1x{T}x{D}xf64>"
    x = b.emit("quench.embedding {}, {}", [b.constant([c["ids"]]), b.constant(p["emb"])], stream)

    def norm(value, gain):
        return b.emit(f"quench.rms_norm {{}} gamma {{}} eps {c['eps']:e}", [value, b.constant(gain)], stream)

    positions = b.emit("quench.positions {} dim 1", [x], f"tensor<{T}xi64>")
    b.lines[-1] = b.lines[-1].replace("(", "").replace(")", "")
    frequencies = ", ".join(repr(c["rope_theta"] ** (-2 * i / E)) for i in range(E // 2))
    table = f"tensor<{T}x{E // 2}xf64>"
    cos, sin = b.emit(f"quench.rope_table {{}} {{{{inv_freq = array<f64: {frequencies}>, element_type = f64}}}}",
                      [positions], [table, table])

    def heads(weight, count, rotate):
        flat = b.linear(n, weight)
        split = b.reshape("expand_shape", flat, "[[0], [1], [2, 3]]", f"[1, {T}, {count}, {E}]",
                          f"tensor<1x{T}x{count}x{E}xf64>")
        return b.emit("quench.rope {}, {}, {} half", [split, cos, sin], split[1]) if rotate else split

    n = norm(x, p["g1"])
    q, k, v = heads(p["Wq"], H, True), heads(p["Wk"], G, True), heads(p["Wv"], G, False)
    a = b.emit(f"quench.attention {{}}, {{}}, {{}} scale {E ** -0.5!r} causal", [q, k, v], q[1])
    a = b.reshape("collapse_shape", a, "[[0], [1], [2, 3]]", None, f"tensor<1x{T}x{H * E}xf64>")
    x = b.add(x, b.linear(a, p["Wo"]))
    n = norm(x, p["g2"])
    gate, up = b.linear(n, p["Wg"]), b.linear(n, p["Wu"])
    b.lines.append(f"  %gated = quench.gated {gate[0]}, {up[0]} by silu : {gate[1]}")
    x = b.add(x, b.linear(("%gated", gate[1]), p["Wd"]))
    return b, [(b.linear(norm(x, p["gf"]), p["Wh"]), [data["logits"]])]


def mamba(data, state):
    b, c, p = Block(), data["config"], data["params"]
    L, D, C, S = c["L"], c["d_model"], c["d_inner"], c["d_state"]
    x = b.constant([data["x"]])
    n = b.emit(f"quench.rms_norm {{}} gamma {{}} eps {c['rms_eps']:e}", [x, b.constant(p["g"])], x[1])
    inner = f"tensor<1x{L}x{C}xf64>"
    u, z = b.linear(n, p["W_in_x"]), b.linear(n, p["W_in_z"])
    u, _ = b.emit("quench.causal_conv1d {}, {} bias {}", [u, b.constant(p["conv_w"]), b.constant(p["conv_b"])],
                  [inner, f"tensor<1x{c['d_conv'] - 1}x{C}xf64>"])
    u = b.unary("quench.silu {}", u)
    delta = b.unary("quench.softplus {}", b.linear(b.linear(u, p["W_dt"]), p["dt_w"], p["dt_b"]))
    a = b.unary("quench.neg {}", b.unary("quench.exp {}", b.constant(p["A_log"])))
    operands = [u, delta, a, b.linear(u, p["W_B"]), b.linear(u, p["W_C"]), b.constant(p["Dp"])]
    text = "quench.selective_scan {} delta {} a {} b {} c {} d {}"
    if state:
        operands.append(b.constant([data["h0"]]))
        text += " state {}"
    y, _ = b.emit(text, operands, [inner, f"tensor<1x{C}x{S}xf64>"])
    b.lines.append(f"  %gated = quench.gated {z[0]}, {y[0]} by silu : {z[1]}")
    y = b.linear(("%gated", inner), p["W_out"])
    return b, [(b.add(x, y), [data["y_ref_h0" if state else "y_ref"]])]


def norms(data):
    b, eps = Block(), data["eps"]

    def norm(value, gamma, beta):
        return b.emit(f"quench.layer_norm {{}} gamma {{}} beta {{}} eps {eps:e}",
                      [value, b.constant(gamma), b.constant(beta)], value[1])

    x = b.constant(data["x"])
    hidden = b.linear(norm(x, data["gamma"], data["beta"]), data["W1"], data["b1"])
    x = b.add(x, b.linear(b.unary("quench.gelu {} by erf", hidden), data["W2"], data["b2"]))
    y = b.linear(norm(x, data["gamma_f"], data["beta_f"]), data["Wh"], data["bh"])
    plain = b.constant(data["x_identity"])
    return b, [(y, data["y_ref"]),
               (b.emit(f"quench.layer_norm {{}} eps {eps:e}", [plain], plain[1]), data["ln"])]


def softmax(data):
    b = Block()
    x = b.constant(data["logits"])
    return b, [(b.unary("quench.softmax {}", x), data["softmax"]),
               (b.unary("quench.softmax {} {{zeta = 1.0 : f64, gamma = -0.03 : f64}}", x), data["clipped"]),
               (b.unary("quench.softmax {} {{zeta = 1.03 : f64, gamma = 0.0 : f64}}", x), data["stretched"])]


def clipped(data):
    b = Block()
    x = b.constant(data["logits"])
    cases = {"gamma_-0.03_zeta_1": (-0.03, 1), "gamma_-alpha/T_alpha=4_T=8": (-4 / 8, 1), "gamma_0_zeta_1.03": (0, 1.03)}
    return b, [(b.unary(f"quench.softmax {{}} {{{{zeta = {zeta:e} : f64, gamma = {gamma:e} : f64}}}}", x), data[name])
               for name, (gamma, zeta) in cases.items()]


def gates(data):
    """The gates alone: heads of ones. A linear for each head is one with zeros."""
    b, (x,) = Block(), data["x"]
    heads, tokens, size = len(x), len(x[0]), len(x[0][0])
    stream = b.constant([[[n for h in range(heads) for n in x[h][t]] for t in range(tokens)]])
    weight = [[n if h == i else 0.0 for h in range(heads) for n in data["w"][h]] for i in range(heads)]
    ones = b.constant([[[[1.0] for _ in range(heads)] for _ in range(tokens)]])
    gated = b.emit("quench.head_gate {} by {}", [ones, b.linear(stream, weight, data["b"])], ones[1])
    return b, [(gated, [[[[data["pi"][0][h][t]] for h in range(heads)] for t in range(tokens)]])]


def log_int(data):
    """One query, which is 1, and keys that are the scores."""
    b = Block()
    query = b.constant([[[[1.0]]]])
    key = b.constant([[[[code * data["scale"]]] for code in data["codes"]]])
    numbers = [0.0 if item["zero"] else 2.0**-item["code"] for item in data["out"]["items"]]
    text = f"quench.log_int_probabilities {{}}, {{}} by(#quench.log<u4, zero = extra>) step {data['scale']:e} scale 1.0 full"
    return b, [(b.emit(text, [query, key], f"tensor<1x1x1x{len(numbers)}xf64>"), [[[numbers]]])]


def main():
    opt, runner, libraries = sys.argv[1:]
    data = json.loads((pathlib.Path(__file__).parent / "vectors.json").read_text())
    published = pathlib.Path(__file__).parents[3] / "Vectors"
    quantizable = json.loads((published / "clipped_softmax_gate.json").read_text())
    integers = json.loads((published / "fq_log_int_softmax.json").read_text())
    failed = 0
    for name, (block, results) in {
            "llama": llama(data["llama"]), "mamba": mamba(data["mamba"], False),
            "mamba with state": mamba(data["mamba"], True), "norms": norms(data["norms"]),
            "softmax": softmax(data["softmax"]), "clipped softmax": clipped(quantizable),
            "gates": gates(quantizable["gate"]), "log-int softmax": log_int(integers)}.items():
        lines = list(block.lines)
        for i, ((value, kind), expected) in enumerate(results):
            lines += compare(f"r{i}", value, kind, tensor(expected), F64)
        module = "\n".join(["func.func @main() {", *lines, "  return", "}"])
        words = iter(run_module(opt, runner, libraries, module).split())
        for _, expected in results:
            for _ in tensor(expected).shape:
                next(words)
            error = float(next(words))
            failed += not error < 1e-12
            print(f"{name}: {'ok' if error < 1e-12 else error}")
    sys.exit(1 if failed else 0)


main()
