"""small_model.py FOLDER: a model of four layers, its archive and its data.

    quench compare FOLDER/model.mlir FOLDER/model.mlir --data FOLDER/data.safetensors
"""

import array
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../Models"))
import tensorfile

SHAPES = {"first": (16, 8), "second": (16, 16), "third": (16, 16), "head": (4, 16)}
folder = sys.argv[1]
generator = random.Random(0)


def normal(*shape):
    count = 1
    for size in shape:
        count *= size
    values = array.array("f", (generator.gauss(0, 0.5) for _ in range(count)))
    return tensorfile.Tensor("F32", shape, values.tobytes())


tensorfile.save(
    f"{folder}/model.safetensors",
    {f"{name}.weight": normal(*shape) for name, shape in SHAPES.items()},
)
tensorfile.save(f"{folder}/data.safetensors", {"x": normal(6, 5, 8)})

lines, value, size = [], "%x", 8
for name, (out, into) in SHAPES.items():
    result = f"tensor<?x5x{out}xf32>"
    lines += [
        f'%w_{name} = quench.param <"model"::"{name}.weight"> : tensor<{out}x{into}xf32>',
        f"%{name} = quench.linear {value}, %w_{name}"
        f' : (tensor<?x5x{into}xf32>, tensor<{out}x{into}xf32>) -> {result} loc("{name}")',
    ]
    value = f"%{name}"
    if name != "head":
        lines.append(f"%g_{name} = quench.gelu {value} by tanh : {result}")
        value = f"%g_{name}"
text = """module attributes {quench.archives = {model = "model.safetensors"}, quench.symbols = {batch = [1]}} {
  func.func @run(%x: tensor<?x5x8xf32> {quench.name = "x", quench.dims = ["batch"]})
      -> (tensor<?x5x4xf32> {quench.name = "logits", quench.dims = ["batch"]}) attributes {quench.entry} {
    BODY
    return %head : tensor<?x5x4xf32>
  }
}
"""
with open(f"{folder}/model.mlir", "w") as stream:
    stream.write(text.replace("BODY", "\n    ".join(lines)))
