"""Checks that what ops say of rotations and scales is true.

    ports.py QUENCH_OPT TEST_PASSES [mutant]

For every group of ports that an op names, the transform is put on its operands
and weights as the ports say; the reference of the op must then give the results
with the transform on them. The mutant forgets the weights, and is found out.
"""

import math
import re
import subprocess
import sys

import numerics as n
from numerics import Random, Tensor, build, row_map

PORT = re.compile(r"(basis|scale|shift): (\w+) (\d+), (operand|result) (\d+) axis (\d+)(.*)")


def apply(tensor, axis, matrices, head_axis=-1, heads=()):
    """`tensor` times a matrix along `axis`, one for each head if there are heads."""
    def value(*index):
        matrix = matrices[heads[index[head_axis]] if head_axis >= 0 else 0]
        return math.fsum(tensor[(*index[:axis], k, *index[axis + 1:])] * matrix[k][index[axis]]
                         for k in range(tensor.shape[axis]))

    return build(tensor.shape, value)


def scale_matrix(rnd, size, pairs):
    scales = [0.5 + rnd.next() for _ in range(size)]
    for i, j in pairs:
        scales[j] = scales[i]
    return ([[scales[i] if i == j else 0.0 for j in range(size)] for i in range(size)],
            [[1 / scales[i] if i == j else 0.0 for j in range(size)] for i in range(size)])


def rotation_matrix(rnd, size, pairs):
    matrix = [[float(i == j) for j in range(size)] for i in range(size)]
    planes = pairs if pairs else [(i, j) for i in range(size) for j in range(i)]
    for i, j in planes:
        angle = 6.28 * rnd.next()
        c, s = math.cos(angle), math.sin(angle)
        for row in matrix:
            row[i], row[j] = c * row[i] - s * row[j], s * row[i] + c * row[j]
    return matrix, matrix


def cases(rnd):
    """Yields (op and attributes, operands, function of the operands to results)."""
    T = rnd.tensor
    x, y, w, b = T(2, 3, 4), T(2, 3, 4), T(5, 4), T(5)
    yield "linear %0, %1 bias %2", [x, w, b], lambda x, w, b: [n.linear(x, w, b)]
    product = lambda a, c: [build([2, 3, 3], lambda i, j, k: math.fsum(a[i, j, l] * c[i, k, l] for l in range(4)))]
    yield "matmul %0, %1 {transpose_b}", [x, y], product
    turned = lambda a, c: [build([2, 3, 4], lambda i, j, k: math.fsum(a[i, l, j] * c[i, l, k] for l in range(5)))]
    yield "matmul %0, %1 {transpose_a}", [T(2, 5, 3), T(2, 5, 4)], turned

    def elementwise(function):
        return lambda *ts: [build(ts[0].shape, lambda *i: function(*(t[i[len(i) - len(t.shape):]] for t in ts)))]

    yield "add %0, %1", [x, y], elementwise(lambda a, c: a + c)
    yield "mul %0, %1", [x, y], elementwise(lambda a, c: a * c)
    yield "mul %0, %1", [x, T(4)], elementwise(lambda a, c: a * c)
    yield "relu %0", [x], elementwise(lambda a: max(a, 0))
    yield "neg %0", [x], elementwise(lambda a: -a)
    yield "silu %0 scale %1", [x, T(4, low=0.2)], elementwise(lambda a, s: a * n.sigmoid(a * s))
    yield "gated %0, %1 by silu", [x, y], elementwise(lambda g, u: g * n.sigmoid(g) * u)
    yield "gated %0, %1 by relu", [x, y], elementwise(lambda g, u: max(g, 0) * u)
    gain, shift = T(4), T(4)
    yield ("layer_norm %0 gamma %1 beta %2 eps 1.0e-5", [x, gain, shift],
           lambda x, g, b: [row_map(x, lambda r: n.layer_norm(r, 1e-5, g, b))])
    yield ("rms_norm %0 gamma %1 eps 1.0e-5", [x, gain],
           lambda x, g: [row_map(x, lambda r: n.rms_norm(r, 1e-5, g))])
    yield "rms_norm %0 eps 1.0e-5", [x], lambda x: [row_map(x, lambda r: n.rms_norm(r, 1e-5))]
    yield "l2_normalize %0 eps 1.0e-12", [x], lambda x: [
        row_map(x, lambda r: [v / math.sqrt(math.fsum(t * t for t in r)) for v in r])]
    q, k, v = T(2, 3, 4, 3), T(2, 5, 2, 3), T(2, 5, 2, 2)
    yield "attention %0, %1, %2 scale 0.5 causal", [q, k, v], lambda q, k, v: [n.attention(q, k, v, 0.5, causal=True)]
    yield ("attention %0, %1, %2 scale 0.5 full {head_groups = array<i64: 1, 0, 1, 1>}", [q, k, v],
           lambda q, k, v: [n.attention(q, k, v, 0.5, groups=[1, 0, 1, 1])])
    heads = T(2, 3, 2, 3)
    for axes in ([0, 1, 2, 3], [0, 1, 2], [0, 2], [2]):
        gate = T(*(heads.shape[axis] for axis in axes))
        yield "head_gate %0 by %1 {factor = 2.0 : f64}", [heads, gate], lambda x, g, axes=axes: [
            build(x.shape, lambda *i: x[i] * 2 * n.sigmoid(g[tuple(i[axis] for axis in axes)]))]
    angles = T(3, 2)
    cos, sin = (build(angles.shape, lambda *i: f(angles[i])) for f in (math.cos, math.sin))
    yield "rope %0, %1, %2 half", [T(2, 3, 2, 4), cos, sin], lambda x, c, s: [n.rope(x, c, s, False)]
    yield "rope %0, %1, %2 interleaved", [T(2, 3, 2, 4), cos, sin], lambda x, c, s: [n.rope(x, c, s, True)]
    yield "embedding %0, %1", [rnd.ints(6, 2, 3), T(6, 4)], lambda ids, t: [
        build([2, 3, 4], lambda i, j, c: t[ids[i, j], c])]
    yield "prepend %1 to %0", [x, T(1, 4)], lambda x, t: [
        build([2, 4, 4], lambda i, j, c: x[i, j - 1, c] if j else t[0, c])]
    for kind in ("mean", "max", "first"):
        yield f"pool %0 by {kind}", [x], lambda x, kind=kind: [n.pool(x, kind)]
    image, kernel = T(1, 3, 4, 6), T(5, 3, 2, 3)
    flat = lambda k: Tensor([5, 18], k.data)
    yield "patch_embed %0, %1 bias %2", [image, kernel, b], lambda i, k, b: [n.linear(n.patches(i, 2, 3), flat(k), b)]
    yield ("conv2d %0, %1 bias %2 strides [1, 2] padding [1, 0]", [image, kernel, b],
           lambda i, k, b: [n.conv2d(i, k, b, (1, 2), (1, 0), 1)])
    yield ("conv2d %0, %1 strides [1, 1] padding [0, 0] {groups = 3 : i64}", [image, T(6, 1, 2, 2)],
           lambda i, k: [n.conv2d(i, k, None, (1, 1), (0, 0), 3)])
    yield ("depthwise_conv2d %0, %1 bias %2 strides [1, 2] padding [1, 0]", [T(1, 4, 5, 3), T(3, 3, 2), T(3)],
           lambda x, w, b: [n.depthwise(x, w, b, (1, 2), (1, 0))])
    yield "unfold %0 of 2 x 3", [T(1, 4, 6, 2)], lambda x: [n.unfold(x, 2, 3)]
    yield ("causal_conv1d %0, %1 bias %2 state %3", [x, T(4, 3), T(4), T(2, 2, 4)],
           lambda *a: list(n.causal_conv(*a)))
    yield ("selective_scan %0 delta %1 a %2 b %3 c %4 d %5 state %6",
           [x, T(2, 3, 4, low=0.1), T(4, 2), T(2, 3, 2), T(2, 3, 2), T(4), T(2, 4, 2)], lambda *a: list(n.scan(*a)))
    yield "window_partition %0 window 3 {shift = 1 : i64}", [T(1, 4, 5, 2)], lambda x: [n.window_partition(x, 3, 1)]


def write(op, operands, results):
    types = [n.static_type(t, "f64") for t in operands]
    outs = [n.static_type(t, "f64") for t in results]
    arguments = ", ".join(f"%{i}: {t}".replace("%", "%a") for i, t in enumerate(types))
    name = op.split()[0]
    text = re.sub(r"%(\d)", r"%a\1", op)
    if name in ("relu", "neg", "l2_normalize", "gated"):
        signature = types[0]
    elif name == "silu":
        text = text.replace("scale %a1", f"scale %a1 : {types[1]}")
        signature = types[0]
    else:
        signature = f"({', '.join(types)}) -> ({', '.join(outs)})"
    names = ", ".join(f"%r{i}" for i in range(len(outs)))
    return f"func.func @f({arguments}) {{\n  {names} = quench.{text} : {signature}\n  return\n}}\n"


def get_ports(opt, plugin, text):
    run = subprocess.run([opt, "-", f"--load-pass-plugin={plugin}", "-o", "/dev/null",
                          "--pass-pipeline=builtin.module(test-quench-interfaces)"],
                         input=text, text=True, capture_output=True)
    if run.returncode:
        sys.exit(f"{text}{run.stderr}")
    groups = {}
    for kind, role, group, place, number, axis, rest in PORT.findall(run.stdout):
        weights = [(int(o), int(a)) for o, a in re.findall(r"weight (\d+) axis (\d+)", rest)]
        heads = re.search(r"heads of axis (\d+): \[(.*?)\]", rest)
        groups.setdefault((kind, int(group)), []).append({
            "role": role, "operand": place == "operand", "number": int(number), "axis": int(axis),
            "weights": weights, "map": re.search(r"map (\d+) axis (\d+)", rest), "pairs": "rotary pairs" in rest,
            "head_axis": int(heads[1]) if heads else -1,
            "heads": [int(h) for h in heads[2].split(",")] if heads else [0]})
    return groups


def check(op, operands, function, kind, ports, rnd, mutant):
    """The error after the transform of one group of ports."""
    before = function(*operands)
    first = ports[0]
    size = (operands if first["operand"] else before)[first["number"]].shape[first["axis"]]
    pairs = []
    if first["pairs"]:
        pairs = [(0, 2), (1, 3)] if "half" in op else [(0, 1), (2, 3)]
    make = scale_matrix if kind == "scale" else rotation_matrix
    made = [make(rnd, size, pairs) for _ in range(max(max(p["heads"]) for p in ports) + 1)]
    forward, inverse = [m[0] for m in made], [m[1] for m in made]
    operands, expected = list(operands), list(before)
    moved = set()
    for port in ports:
        matrices = inverse if port["role"] == "inverse" else forward
        values = operands if port["operand"] else expected
        values[port["number"]] = apply(values[port["number"]], port["axis"], matrices, port["head_axis"], port["heads"])
        for operand, axis in port["weights"]:
            if (operand, axis) not in moved and not mutant:
                operands[operand] = apply(operands[operand], axis,
                                          forward if port["role"] == "producer" else inverse)
                moved.add((operand, axis))
    after = function(*operands)
    return max(abs(a - e) for t, u in zip(after, expected) for a, e in zip(t.data, u.data))


def shift(tensor, axis, vector):
    return build(tensor.shape, lambda *index: tensor[index] + vector[index[axis]])


def check_shift(op, operands, function, ports, rnd, mutant):
    """The error after the shift of one group of ports; none where a bias that
    would take it is missing."""
    before = function(*operands)
    first = ports[0]
    size = (operands if first["operand"] else before)[first["number"]].shape[first["axis"]]
    vector = [1 - 2 * rnd.next() for _ in range(size)]
    operands, expected = list(operands), list(before)
    for port in ports:
        if port["role"] != "link" and not port["weights"]:
            return None
        values = operands if port["operand"] else expected
        values[port["number"]] = shift(values[port["number"]], port["axis"], vector)
        for operand, axis in port["weights"]:
            moved = vector
            if port["map"]:
                weight, along = operands[int(port["map"][1])], int(port["map"][2])
                moved = [-math.fsum(weight[(o, k) if along else (k, o)] * vector[k] for k in range(size))
                         for o in range(weight.shape[1 - along])]
            if not mutant:
                operands[operand] = shift(operands[operand], axis, moved)
    after = function(*operands)
    return max(abs(a - e) for t, u in zip(after, expected) for a, e in zip(t.data, u.data))


def main():
    opt, plugin, *mutant = sys.argv[1:]
    rnd = Random("f64")
    failed = count = 0
    for op, operands, function in cases(rnd):
        groups = get_ports(opt, plugin, write(op, operands, function(*operands)))
        for (kind, group), ports in groups.items():
            if kind == "shift":
                error = check_shift(op, operands, function, ports, rnd, mutant)
            else:
                error = check(op, operands, function, kind, ports, rnd, mutant)
            if error is None:
                continue
            count += 1
            if not error < 1e-12:
                failed += 1
                print(f"{op}: {kind} {group}: error {error}")
    print(f"{count} groups of ports")
    sys.exit(1 if failed else 0)


main()
