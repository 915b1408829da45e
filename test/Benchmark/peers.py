"""The libraries that builds are compared with, each with a grid of settings.

A peer is a name and a function that runs it once and gives its output. What
peers need is made from a checkpoint in a folder, which keeps it for the next
run. Libraries know which families of models they run; the bits of a quantized
one are those of its weights, activations have 8.
"""

import contextlib
import ctypes
import itertools
import logging
import math
import pathlib
import re
import sys
import tempfile
import weakref

import gguf
import llama_cpp
import nncf
import numpy as np
import onnx
import onnxruntime
import openvino
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions

import ggml
import graphs
import machine
from checkpoints import Checkpoint

logging.getLogger().setLevel(logging.ERROR)
nncf.set_log_level(logging.ERROR)

VERSIONS = ", ".join(
    f"{library.__name__} {library.__version__.split('-')[0]}"
    for library in (onnxruntime, openvino, nncf, llama_cpp)
)


def make_samples(inputs, config, count):
    """Other inputs of that kind, of one element of a batch."""
    random = np.random.default_rng(8)
    for _ in range(count):
        sample = {name: value[:1] for name, value in inputs.items()}
        if "input_ids" in sample:
            sample["input_ids"] = random.integers(0, config["vocab_size"], sample["input_ids"].shape, np.int64)
        else:
            sample["pixel_values"] = random.standard_normal(sample["pixel_values"].shape, np.float32)
        yield sample


class Library:
    """What runs a checkpoint on given inputs."""

    families = ("bert", "vit")

    def __init__(self, checkpoint, work, inputs, threads):
        self.work, self.inputs, self.threads = work, inputs, threads
        self.checkpoint = pathlib.Path(checkpoint)
        self.config = Checkpoint(checkpoint).config
        if type(self).families is Library.families and not (work / "plain.onnx").exists():
            graphs.WRITERS[self.config["model_type"]](checkpoint, work / "plain.onnx")

    def floats(self):
        raise NotImplementedError

    def quantized(self, bits):
        raise NotImplementedError


class OnnxRuntime(Library):
    """The plain graph and the one that onnxruntime's transformer optimizer
    makes of it. Of 8 bits, `quantize_dynamic` with signed and unsigned weights,
    a scale a tensor or a channel, and `quantize_static`; of 4, MatMulNBits in
    groups of 32 and 128, which multiply integers, without the fused attention
    whose weights would stay floats."""

    name = "onnxruntime"

    def _optimize(self, name, **fusions):
        path = self.work / f"{name}.onnx"
        if path.exists():
            return
        options = FusionOptions(self.config["model_type"])
        for fusion, value in fusions.items():
            setattr(options, fusion, value)
        optimizer.optimize_model(
            str(self.work / "plain.onnx"),
            self.config["model_type"],
            num_heads=self.config["num_attention_heads"],
            hidden_size=self.config["hidden_size"],
            optimization_options=options,
            opt_level=0,
        ).save_model_to_file(str(path))

    def floats(self):
        self._optimize("optimized")
        return [self._load(graph) for graph in ("plain", "optimized")]

    def quantized(self, bits):
        return self._eights() if bits == 8 else self._fours()

    def _eights(self):
        self._optimize("optimized")
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
        path = self.work / "static.onnx"
        if not path.exists():
            prepared = self.work / "prepared.onnx"
            quant_pre_process(str(self.work / "plain.onnx"), str(prepared), skip_symbolic_shape=True)
            samples = make_samples(self.inputs, self.config, 8)

            class Reader(CalibrationDataReader):
                def get_next(self):
                    return next(samples, None)

            quantize_static(
                prepared,
                path,
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul", "Conv", "Gather"],
            )
        yield self._load("static")

    def _fours(self):
        self._optimize("unfused attention", enable_attention=False)
        for graph, group in itertools.product(["plain", "unfused attention"], [32, 128]):
            name = f"{graph} MatMulNBits {group}"
            path = self.work / f"{name}.onnx"
            if not path.exists():
                quantizer = MatMulNBitsQuantizer(
                    onnx.load(self.work / f"{graph}.onnx"), block_size=group, is_symmetric=True, accuracy_level=4
                )
                quantizer.process()
                quantizer.model.save_model_to_file(str(path))
            yield self._load(name)

    def _load(self, name):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        # Threads that look for work would take the processors of who comes next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = onnxruntime.InferenceSession(
            str(self.work / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        return f"{self.name} {name}", lambda: session.run([graphs.OUTPUT], self.inputs)[0]


class OpenVino(Library):
    """The plain graph with the shapes of the inputs. Of 8 bits, NNCF with both
    of its presets, from 32 samples like the inputs; of 4, weights that it
    compresses in groups of 128, with activations that are quantized at run time
    and without. Where floats are meant to be f32 they are; a quantized graph may
    compute its floats in bf16."""

    name = "openvino"

    def floats(self):
        return [self._load("plain.onnx", "f32")]

    def quantized(self, bits):
        if bits == 8:
            presets = (nncf.QuantizationPreset.PERFORMANCE, nncf.QuantizationPreset.MIXED)
            paths = [self._make(f"openvino {preset.name.lower()}.xml", preset) for preset in presets]
        else:
            paths = [self._make("openvino int4.xml", None)]
        groups = (None,) if bits == 8 else ("0", "128")
        for path, precision, group in itertools.product(paths, ("f32", "bf16"), groups):
            yield self._load(path, precision, group)

    def _make(self, path, preset):
        """A quantized graph, or, without a preset, one with weights of 4 bits."""
        if (self.work / path).exists():
            return path
        model = openvino.Core().read_model(self.work / "plain.onnx")
        with contextlib.redirect_stdout(sys.stderr):
            if preset:
                samples = list(make_samples(self.inputs, self.config, 32))
                model = nncf.quantize(
                    model,
                    nncf.Dataset(samples),
                    model_type=nncf.ModelType.TRANSFORMER,
                    preset=preset,
                    subset_size=len(samples),
                )
            else:
                model = nncf.compress_weights(
                    model, mode=nncf.CompressWeightsMode.INT4_SYM, group_size=128, all_layers=True
                )
        openvino.save_model(model, self.work / path, compress_to_fp16=False)
        return path

    def _load(self, path, precision, group=None):
        model = openvino.Core().read_model(self.work / path)
        model.reshape({name: list(value.shape) for name, value in self.inputs.items()})
        settings = {
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": precision,
        }
        if group:
            settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = group
        request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
        name = f"{pathlib.Path(path).stem.removeprefix('openvino ')} {precision}"
        if group and group != "0":
            name += f" dynamic {group}"
        return f"{self.name} {name}", lambda: request.infer(self.inputs)[graphs.OUTPUT]


@llama_cpp.llama_log_callback
def ignore(*_):
    """What the library says while it loads."""


class LlamaCpp(Library):
    """GGUF files of its own quantizer, all matrices of one type, with attention
    fused and not, repacked for this processor and not. It gives the hidden
    states of all tokens, as the others do."""

    name = "llama.cpp"
    families = ("bert", "llama")
    TYPES = {8: ("Q8_0",), 4: ("Q4_0", "Q4_K")}
    FILE_TYPES = {
        "F32": llama_cpp.LLAMA_FTYPE_ALL_F32,
        "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
        "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
        "Q4_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S,
    }
    LAYERS = {
        "bert": {
            "attention.self.query": "attn_q",
            "attention.self.key": "attn_k",
            "attention.self.value": "attn_v",
            "attention.output.dense": "attn_output",
            "attention.output.LayerNorm": "attn_output_norm",
            "intermediate.dense": "ffn_up",
            "output.dense": "ffn_down",
            "output.LayerNorm": "layer_output_norm",
        },
        "llama": {
            "input_layernorm": "attn_norm",
            "self_attn.q_proj": "attn_q",
            "self_attn.k_proj": "attn_k",
            "self_attn.v_proj": "attn_v",
            "self_attn.o_proj": "attn_output",
            "post_attention_layernorm": "ffn_norm",
            "mlp.gate_proj": "ffn_gate",
            "mlp.up_proj": "ffn_up",
            "mlp.down_proj": "ffn_down",
        },
    }
    OTHERS = {
        "embeddings.word_embeddings": "token_embd",
        "embeddings.token_type_embeddings": "token_types",
        "embeddings.position_embeddings": "position_embd",
        "embeddings.LayerNorm": "token_embd_norm",
        "embed_tokens": "token_embd",
        "norm": "output_norm",
    }

    def __init__(self, *arguments):
        super().__init__(*arguments)
        llama_cpp.llama_log_set(ignore, None)
        llama_cpp.llama_backend_init()

    def floats(self):
        return [self._load("F32", True, False)]

    def quantized(self, bits):
        for kind, is_fused, is_repacked in itertools.product(self.TYPES[bits], (True, False), (True, False)):
            yield self._load(kind, is_fused, is_repacked)

    def _write(self, path):
        """The checkpoint in f32."""
        family = self.config["model_type"]
        checkpoint = Checkpoint(self.checkpoint, "bert." if family == "bert" else "")
        config = checkpoint.config
        # The one that computes no logits.
        writer = gguf.GGUFWriter(path, "llama-embed" if family == "llama" else family)
        writer.add_tokenizer_model("none")
        writer.add_vocab_size(config["vocab_size"])
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_file_type(self.FILE_TYPES["F32"])
        extra = {}
        if family == "bert":
            writer.add_layer_norm_eps(config["layer_norm_eps"])
            writer.add_causal_attention(False)
            writer.add_token_type_count(config["type_vocab_size"])
        else:
            writer.add_head_count_kv(config["num_key_value_heads"])
            writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
            writer.add_rope_dimension_count(config["head_dim"])
            writer.add_rope_freq_base(config["rope_theta"])
            extra["rope_freqs.weight"] = self._rope_factors(config)
        names = {name: self._rename(name, family) for name in checkpoint.entries}
        names = {name: new for name, new in names.items() if new}
        for name, new in names.items():
            shape = checkpoint.entries[name]["shape"]
            writer.add_tensor_info(new, shape, np.dtype(np.float32), 4 * math.prod(shape))
        for name, values in extra.items():
            writer.add_tensor_info(name, values.shape, values.dtype, values.nbytes)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for name in names:
            values = checkpoint[name]
            if family == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
                # Pairs that are rotated lie side by side there.
                halves = values.reshape(-1, 2, config["head_dim"] // 2, values.shape[1])
                values = halves.swapaxes(1, 2).reshape(values.shape)
            writer.write_tensor_data(np.ascontiguousarray(values))
        for values in extra.values():
            writer.write_tensor_data(values)
        writer.close()

    def _rename(self, name, family):
        base, kind = name.rsplit(".", 1)
        if base in self.OTHERS:
            return f"{self.OTHERS[base]}.{kind}"
        layer = re.fullmatch(r"(?:encoder\.layer|layers)\.(\d+)\.(.+)", base)
        return layer and f"blk.{layer[1]}.{self.LAYERS[family][layer[2]]}.{kind}"

    @staticmethod
    def _rope_factors(config):
        """What frequencies are divided by."""
        scaling, size = config["rope_scaling"], config["head_dim"]
        waves = 2 * np.pi * config["rope_theta"] ** (np.arange(0, size, 2) / size)
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        blend = (scaling["original_max_position_embeddings"] / waves - low) / (high - low)
        blend = np.clip(blend, 0, 1)
        return (1 / ((1 - blend) / scaling["factor"] + blend)).astype(np.float32)

    def _get_path(self, kind):
        path = self.work / f"{kind}.gguf"
        if path.exists():
            return path
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            new = pathlib.Path(folder) / path.name
            if kind == "F32":
                self._write(new)
            else:
                settings = llama_cpp.llama_model_quantize_default_params()
                settings.ftype = self.FILE_TYPES[kind]
                settings.pure = True
                settings.nthread = self.threads
                source = str(self._get_path("F32")).encode()
                if llama_cpp.llama_model_quantize(source, str(new).encode(), ctypes.byref(settings)) != 0:
                    raise RuntimeError(f"llama.cpp cannot quantize to {kind}")
            new.rename(path)
        return path

    def _load(self, kind, is_fused, is_repacked):
        settings = llama_cpp.llama_model_default_params()
        settings.use_extra_bufts = is_repacked
        model = llama_cpp.llama_model_load_from_file(str(self._get_path(kind)).encode(), settings)
        ids = self.inputs["input_ids"]
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = ids.size
        settings.n_seq_max = len(ids)
        settings.n_threads = settings.n_threads_batch = self.threads
        settings.embeddings = True
        settings.pooling_type = llama_cpp.LLAMA_POOLING_TYPE_NONE
        settings.flash_attn_type = int(is_fused)
        context = llama_cpp.llama_init_from_model(model, settings)
        if not context:
            raise RuntimeError(f"llama.cpp does not load {kind}")
        pool = ggml.make_threadpool(self.threads)
        ggml.attach_threadpool(context, pool)
        batch = llama_cpp.llama_batch_init(ids.size, 0, 1)
        batch.n_tokens = ids.size
        for i, (row, column) in enumerate(np.ndindex(ids.shape)):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = (
                ids[row, column],
                column,
                1,
                row,
                1,
            )
        memory = llama_cpp.llama_get_memory(context)
        shape = (*ids.shape, self.config["hidden_size"])

        def run():
            if memory:
                llama_cpp.llama_memory_clear(memory, False)
            if llama_cpp.llama_decode(context, batch) != 0:
                raise RuntimeError("llama.cpp failed")
            return np.ctypeslib.as_array(llama_cpp.llama_get_embeddings(context), shape).copy()

        def free():
            llama_cpp.llama_batch_free(batch)
            llama_cpp.llama_free(context)
            ggml.free_threadpool(pool)
            llama_cpp.llama_model_free(model)

        weakref.finalize(run, free)
        name = f"{self.name} {kind}{' fused attention' if is_fused else ''}{' repacked' if is_repacked else ''}"
        return name, machine.ThreadBound(run)


LIBRARIES = (OnnxRuntime, OpenVino, LlamaCpp)
