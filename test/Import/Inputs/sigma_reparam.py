"""Rewrites a checkpoint to the form of sigmaReparam.

    sigma_reparam.py SOURCE TARGET

Weights of linear layers and of patches are multiplied by a number, which the factor
of the layer undoes, up to rounding.
"""

import math
import os
import shutil
import sys

import tensorfile
from tensorfile import Tensor


def normalize(vector):
    length = math.sqrt(math.fsum(x * x for x in vector))
    return [x / length for x in vector]


def times(matrix, vector):
    return [math.fsum(w * x for w, x in zip(row, vector)) for row in matrix]


def main():
    source, target = sys.argv[1:]
    os.makedirs(target)
    shutil.copy(os.path.join(source, "config.json"), target)
    tensors = tensorfile.load(os.path.join(source, "model.safetensors"))[0]
    result = dict(tensors)
    for name, tensor in tensors.items():
        layer, _, part = name.rpartition(".")
        if part != "weight" or len(tensor.shape) < 2 or "embeddings.position" in name:
            continue
        numbers = [3 * x for x in tensor.values()]
        width = len(numbers) // tensor.shape[0]
        rows = [numbers[i:i + width] for i in range(0, len(numbers), width)]
        columns = list(zip(*rows))
        u = [1.0 + i % 3 for i in range(width)]
        # What the layer makes of the vector that is stored, in f32.
        v = normalize(times(rows, u))
        sigma = math.fsum(a * b for a, b in zip(v, times(rows, normalize(times(columns, v)))))
        norm = f"{layer}.spectral_normed_weight"
        result[name] = result[f"{norm}.weight"] = Tensor.of("F32", tensor.shape, numbers)
        result[f"{norm}.u"] = Tensor.of("F32", [width], u)
        result[f"{norm}.spectral_norm"] = Tensor.of("F32", [1], [sigma])
        result[f"{layer}.sigma"] = Tensor.of("F32", [1], [sigma / 3])
        result[f"{layer}.effective_spectral_norm"] = Tensor.of("F32", [1], [sigma / 3])
    tensorfile.save(os.path.join(target, "model.safetensors"), result)


main()
