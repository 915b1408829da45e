"""Sequential calibration of blocks.mlir next to numpy's.

    sequential.py data FOLDER              weights and examples
    sequential.py check STATS WEIGHTS FOLDER
                                           statistics, and the weights that follow
    sequential.py same STATS CACHE         statistics of blocks next to those of the model
    sequential.py interrupt CACHE COMMAND...
                                           stops the command when the first block runs
                                           quantized, and tells what it left
    sequential.py change CACHE             changes the statistics of that block
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "Models"))
import tensorfile

LAYERS = ["a", "b", "c"]


def load(path):
    tensors, _ = tensorfile.load(path)
    return {name: np.array(t.values()).reshape(t.shape) for name, t in tensors.items()}


def write_data(folder):
    rng = np.random.default_rng(7)
    shapes = {"a": (16, 12), "b": (12, 16), "c": (8, 12)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    with open(folder / "weights.safetensors", "wb") as stream:
        tensorfile.write_header(stream, [(name, "F64", w.shape, w.nbytes) for name, w in weights.items()], None)
        for w in weights.values():
            stream.write(w.tobytes())
    np.save(folder / "x.npy", rng.standard_normal((50, 12)) * (1 + np.arange(12) % 5))


def gptq(w, h):
    """As published, 4 bits, a scale for each row."""
    w = w.copy()
    upper = np.linalg.cholesky(np.linalg.inv(h + 0.01 * np.mean(np.diag(h)) * np.eye(len(h)))).T
    scale = np.abs(w).max(1) / 7
    for j in range(w.shape[1]):
        q = np.clip(np.rint(w[:, j] / scale), -8, 7) * scale
        w[:, j + 1:] -= np.outer((w[:, j] - q) / upper[j, j], upper[j, j + 1:])
        w[:, j] = q
    return w


def quantize(x):
    """4 bits, one scale for what was seen."""
    scale = np.abs(x).max() / 7
    return np.clip(np.rint(x / scale), -8, 7) * scale


def check(statistics, quantized, folder):
    weights, x = load(folder / "weights.safetensors"), np.load(folder / "x.npy")
    found, result = load(statistics), load(quantized)
    inputs = {"a": x}
    numbers = {}

    def layer(name):
        v = inputs[name]
        numbers[name] = gptq(weights[name], v.T @ v / len(v))
        return quantize(v) @ numbers[name].T

    a = layer("a")
    inputs["b"] = a / (1 + np.exp(-a))
    inputs["c"] = x + layer("b")
    layer("c")
    for name in LAYERS:
        v, site = inputs[name], f"layers.{int(name == 'c')}.{name}.input."
        expected = {"gram": v.T @ v / len(v), "min": v.min(0), "max": v.max(0)}
        worst = max(np.abs(found[site + what] - e).max() / np.abs(e).max() for what, e in expected.items())
        codes = [np.rint(w / (np.abs(weights[name]).max(1, keepdims=True) / 7)) for w in (result[name], numbers[name])]
        print(f"{name}: statistics {'equal' if worst < 1e-12 else 'differ'}, "
              f"{np.count_nonzero(codes[0] != codes[1])} of {codes[0].size} codes differ")


def same(statistics, cache):
    (path,) = pathlib.Path(cache).glob("*.safetensors")
    whole, blocks = load(statistics), load(path)
    for name, tensor in blocks.items():
        if np.abs(tensor - whole[name]).max() > 1e-12 * np.abs(whole[name]).max():
            sys.exit(f"{name} differs")
    print(len({name.rpartition(".")[0] for name in blocks}), "sites are the same")


def find(cache, name):
    return next(iter(pathlib.Path(cache).glob(f".*.blocks/{name}")), None)


def interrupt(cache, command):
    # Where it was too fast, once more.
    for _ in range(9):
        shutil.rmtree(cache, ignore_errors=True)
        # Who runs the tests may ignore the signal, and children inherit that.
        process = subprocess.Popen(command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        while process.poll() is None and not find(cache, "0.runs/0.safetensors"):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.wait()
        if find(cache, "key"):
            break
    print("left behind:", *sorted(path.name for path in find(cache, "key").parent.iterdir()),
          "and nothing else" if len(os.listdir(cache)) == 1 else "and more")


def change(cache):
    path = find(cache, "0.1.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


command, *arguments = sys.argv[1:]
if command == "data":
    write_data(pathlib.Path(arguments[0]))
elif command == "check":
    check(*map(pathlib.Path, arguments))
elif command == "same":
    same(*arguments)
elif command == "interrupt":
    interrupt(arguments[0], arguments[1:])
else:
    change(arguments[0])
