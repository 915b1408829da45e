"""Makes up what SpinQuant and OSTQuant learn, for the sites of a model."""

import math
import random

from tensorfile import Tensor, load, save

# The end of the name of a site, and what its scale is called.
SCALES = [
    (("v_proj", "value"), "S_ov"),
    (("q_proj", "query", "q_norm"), "S_qk"),
    (("up_proj", "fc1"), "S_up_down"),
]


def orthogonal(size, rng):
    """The product of two reflections: no entry is zero."""
    rows = [[float(i == j) for j in range(size)] for i in range(size)]
    for _ in range(2):
        normal = [rng.gauss(0, 1) for _ in range(size)]
        square = sum(x * x for x in normal)
        for row in rows:
            factor = 2 * sum(x * y for x, y in zip(row, normal)) / square
            for j, x in enumerate(normal):
                row[j] -= factor * x
    return [x for row in rows for x in row]


def scales(size, rng):
    return [math.exp(rng.uniform(-0.7, 0.7)) for _ in range(size)]


def make(statistics, width, output, seed=0):
    """Writes matrices and scales for the sites that the archive `statistics`,
    which `quench calibrate --gram` wrote, names; the stream is `width` wide."""
    rng = random.Random(seed)
    tensors = {}

    def add(name, shape, values):
        tensors[name] = Tensor.of("F64", shape, values)

    add("R1", [width, width], orthogonal(width, rng))
    known, _ = load(statistics)
    for key, tensor in known.items():
        site, is_class, what = key.rpartition(".channels.")
        if not is_class:
            continue
        parent, name = site.rpartition(".")[::2]
        if what == "covariance" and name in SCALES[0][0]:
            shape = tensor.shape if len(tensor.shape) == 3 else [1, *tensor.shape]
            matrices = [orthogonal(shape[1], rng) for _ in range(shape[0])]
            add(f"{parent}.R_ov", tensor.shape, sum(matrices, []))
            # One for all heads.
            add(f"{parent}.R2", shape[1:], matrices[0])
        if what != "absmax":
            continue
        if "norm" in name and not name.startswith("q_"):
            add(f"{site}.S", tensor.shape, scales(width, rng))
        for ends, what in SCALES:
            if name not in ends:
                continue
            (size,) = tensor.shape
            values = scales(size, rng)
            if what == "S_qk":
                # Equal within pairs of rotary embedding.
                half = size // known[f"{site}.channels.count"].shape[0] // 2
                values = [values[c - c % (2 * half) + c % half] for c in range(size)]
            add(f"{parent}.{what}", [size], values)
    save(output, tensors)
