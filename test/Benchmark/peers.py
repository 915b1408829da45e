"""The libraries that builds are compared with, each with a grid of settings.

A peer is a name and a function that runs it once and gives its output. Graphs
are made from the ONNX graph `plain.onnx` of a folder, which keeps them for the
next run.
"""

import contextlib
import itertools
import logging
import pathlib
import sys

import numpy as np
import nncf
import onnx
import onnxruntime
import openvino
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer

logging.getLogger().setLevel(logging.ERROR)
nncf.set_log_level(logging.ERROR)

VERSIONS = ", ".join(
    f"{library.__name__} {library.__version__.split('-')[0]}" for library in (onnxruntime, openvino, nncf)
)


class OnnxRuntime:
    """The plain graph and the one that onnxruntime's transformer optimizer
    makes of it; quantized by `quantize_dynamic`, with signed and unsigned
    weights, a scale a tensor or a channel."""

    name = "onnxruntime"

    def __init__(self, work, config, inputs, output, threads):
        self.work, self.inputs, self.output, self.threads = work, inputs, output, threads
        if not (work / "optimized.onnx").exists():
            optimizer.optimize_model(
                str(work / "plain.onnx"),
                "bert",
                num_heads=config["num_attention_heads"],
                hidden_size=config["hidden_size"],
                opt_level=0,
            ).save_model_to_file(str(work / "optimized.onnx"))

    def floats(self):
        return [self._load(graph) for graph in ("plain", "optimized")]

    def quantized(self):
        grid = itertools.product(["plain", "optimized"], [QuantType.QInt8, QuantType.QUInt8], [False, True])
        for graph, weights, per_channel in grid:
            name = f"{graph} {weights}{' per channel' if per_channel else ''}"
            path = self.work / f"{name}.onnx"
            if not path.exists():
                quantize_dynamic(
                    self.work / f"{graph}.onnx",
                    path,
                    per_channel=per_channel,
                    weight_type=weights,
                    extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
                )
            yield self._load(name)

    def _load(self, name):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(
            str(self.work / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        return f"{self.name} {name}", lambda: session.run([self.output], self.inputs)[0]


class OpenVino:
    """The plain graph with the shapes of the inputs; quantized by NNCF with
    both of its presets, from 32 samples like the inputs. Where floats are meant
    to be f32 they are; a quantized graph may compute its floats in bf16."""

    name = "openvino"

    def __init__(self, work, config, inputs, output, threads):
        self.work, self.inputs, self.output, self.threads = work, inputs, output, threads
        self.vocabulary = config["vocab_size"]
        self.core = openvino.Core()

    def floats(self):
        return [self._load("plain.onnx", "f32")]

    def quantized(self):
        for preset in (nncf.QuantizationPreset.PERFORMANCE, nncf.QuantizationPreset.MIXED):
            path = f"openvino {preset.name.lower()}.xml"
            if not (self.work / path).exists():
                samples = list(self._samples())
                with contextlib.redirect_stdout(sys.stderr):
                    model = nncf.quantize(
                        self.core.read_model(self.work / "plain.onnx"),
                        nncf.Dataset(samples),
                        model_type=nncf.ModelType.TRANSFORMER,
                        preset=preset,
                        subset_size=len(samples),
                    )
                openvino.save_model(model, self.work / path, compress_to_fp16=False)
            for precision in ("f32", "bf16"):
                yield self._load(path, precision)

    def _samples(self, count=32):
        random = np.random.default_rng(8)
        for _ in range(count):
            yield {
                name: random.integers(0, self.vocabulary, (1, value.shape[1]), np.int64)
                if name == "input_ids"
                else value[:1]
                for name, value in self.inputs.items()
            }

    def _load(self, path, precision):
        model = self.core.read_model(self.work / path)
        model.reshape({name: list(value.shape) for name, value in self.inputs.items()})
        request = self.core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self.threads,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": precision,
            },
        ).create_infer_request()
        name = f"{pathlib.Path(path).stem.removeprefix('openvino ')} {precision}"
        return f"{self.name} {name}", lambda: request.infer(self.inputs)[self.output]
