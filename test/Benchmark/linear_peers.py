"""Linears of the libraries that kernels are compared with, each with a grid of
settings.

`Linears` is what is computed: weights in floats, which every library quantizes
to the nearest by itself or takes as given codes and scales. A library gives
names and functions that compute all outputs once and return the last.
"""

import ctypes
import itertools
import weakref
from dataclasses import dataclass
from functools import cache, partial

import llama_cpp
import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from openvino import opset13 as ops

import ggml
import machine

VERSIONS = ", ".join(
    f"{library.__name__} {library.__version__.split('-')[0]}" for library in (onnxruntime, openvino, llama_cpp)
)


@dataclass(eq=False)
class Linears:
    """`count` linears that all read `x`, f32 [rows, in], or, where `is_chain`,
    each what the one before gave. Their weights are those of `base`, f32
    [out, in], with the channels in another order each."""

    x: np.ndarray
    base: np.ndarray
    count: int
    bits: int  # Of weights.
    group: int  # Input channels with one scale; 0: all.
    activation_bits: int
    is_chain: bool

    @property
    def bytes(self):
        """Of the codes of one linear and their scales, f32."""
        groups = self.base.shape[1] // self.group if self.group else 1
        return self.base.size * self.bits // 8 + 4 * len(self.base) * groups

    def turn(self, i, rows):
        """Rows of `base`, or what was made of them, in the order of linear `i`."""
        return np.roll(rows, 37 * i, axis=0)

    @cache
    def quantize(self, group=None):
        """Codes, i8 [out, in], and scales, f32 [out, groups], of `base`."""
        blocks = self.base.reshape(len(self.base), -1, group or self.group or self.base.shape[1])
        most = (1 << (self.bits - 1)) - 1
        scales = np.abs(blocks).max(-1, keepdims=True) / most
        return np.rint(blocks / scales).astype(np.int8).reshape(self.base.shape), scales[..., 0]

def pack_nibbles(codes):
    """Two codes of 4 bits in a byte, the first one in the lower half."""
    codes = codes.astype(np.uint8) & 15
    return codes[..., ::2] | codes[..., 1::2] << 4


class OnnxRuntime:
    """Of 8 bits, the operators that onnxruntime makes of quantized graphs; of
    4, MatMulNBits with groups as ours and of 32, computing in every of its
    ways."""

    name = "onnxruntime"

    def __init__(self, linears, threads):
        self.linears, self.threads = linears, threads

    def candidates(self):
        if self.linears.bits == 8:
            for signed in (True, False):
                yield self._load(f"int8, {'s8' if signed else 'u8'} weights", partial(self._integers, signed))
            return
        own = self.linears.group or 128
        levels = (4, 1, 0) if self.linears.activation_bits == 8 else (0, 1, 2, 4)
        for group, level in itertools.product(sorted({own, 32}), levels):
            yield self._load(f"MatMulNBits/{group}, level {level}", partial(self._nibbles, group, level))

    def _integers(self, signed, add, i, source):
        codes, scales = (self.linears.turn(i, part) for part in self.linears.quantize())
        zero = np.zeros(len(codes), np.int8)
        if not signed:
            codes, zero = (codes.astype(np.int16) + 128).astype(np.uint8), np.full(len(codes), 128, np.uint8)
        quantized = [f"{source}.{part}" for part in ("codes", "scale", "zero")]
        add.node("DynamicQuantizeLinear", [source], quantized)
        weight = [
            add.tensor(f"w{i}", codes.T),
            quantized[1],
            add.tensor(f"s{i}", scales[:, 0]),
            quantized[2],
            add.tensor(f"z{i}", zero),
        ]
        add.node("MatMulIntegerToFloat", [quantized[0], *weight], [f"y{i}"], domain="com.microsoft")

    def _nibbles(self, group, level, add, i, source):
        codes, scales = (self.linears.turn(i, part) for part in self.linears.quantize(group))
        blocks = pack_nibbles(codes + 8).reshape(len(codes), -1, group // 2)
        inputs = [source, add.tensor(f"w{i}", blocks), add.tensor(f"s{i}", scales)]
        add.node(
            "MatMulNBits",
            inputs,
            [f"y{i}"],
            domain="com.microsoft",
            K=codes.shape[1],
            N=len(codes),
            bits=4,
            block_size=group,
            accuracy_level=level,
        )

    def _load(self, name, write):
        class Graph:
            def __init__(self):
                self.nodes, self.tensors = {}, []

            def tensor(self, name, value):
                self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
                return name

            def node(self, kind, inputs, outputs, **attributes):
                # Linears that read the same rows quantize them once.
                self.nodes[outputs[0]] = helper.make_node(kind, inputs, outputs, **attributes)

        linears, graph = self.linears, Graph()
        for i in range(linears.count):
            write(graph, i, f"y{i - 1}" if linears.is_chain and i else "x")

        def declare(name, size):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [len(linears.x), size])

        last = linears.count - 1
        outputs = [last] if linears.is_chain else range(last + 1)
        model = helper.make_model(
            helper.make_graph(
                list(graph.nodes.values()),
                "linears",
                [declare("x", linears.x.shape[1])],
                [declare(f"y{i}", len(linears.base)) for i in outputs],
                graph.tensors,
            ),
            opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
            ir_version=10,
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        # Threads that look for work would take the processors of who comes next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(linears.x))
        values = []
        for i in outputs:
            shape = (len(linears.x), len(linears.base))
            values.append(onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, np.float32))
            binding.bind_ortvalue_output(f"y{i}", values[-1])

        def run():
            session.run_with_iobinding(binding)
            return values[-1].numpy()

        return f"{self.name} {name}", run


class OpenVino:
    """Compressed weights, as NNCF makes them, computing in f32 and bf16 and with
    activations that are quantized at run time in groups."""

    name = "openvino"

    def __init__(self, linears, threads):
        self.linears, self.threads = linears, threads
        self.core = openvino.Core()

    def candidates(self):
        dynamic = [0] + ([self.linears.group or 128] if self.linears.activation_bits == 8 else [])
        for precision, group in itertools.product(("f32", "bf16"), dynamic):
            yield self._load(precision, group)

    def _load(self, precision, dynamic):
        linears = self.linears
        x = ops.parameter(list(linears.x.shape), np.float32, name="x")
        outputs = []
        for i in range(linears.count):
            source = outputs[-1] if linears.is_chain and outputs else x
            outputs.append(ops.matmul(source, self._weight(i), False, True))
        if linears.is_chain:
            outputs = outputs[-1:]
        request = self.core.compile_model(
            openvino.Model(outputs, [x]),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self.threads,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": precision,
                "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(dynamic),
            },
        ).create_infer_request()
        request.set_input_tensor(openvino.Tensor(linears.x, shared_memory=True))
        last = len(outputs) - 1

        def run():
            request.infer()
            return request.get_output_tensor(last).data

        suffix = f", dynamic/{dynamic}" if dynamic else ""
        return f"{self.name} int{linears.bits} {precision}{suffix}", run

    def _weight(self, i):
        codes, scales = (self.linears.turn(i, part) for part in self.linears.quantize())
        shape = [*scales.shape, codes.shape[1] // scales.shape[1]]
        if self.linears.bits == 4:
            kind, data = openvino.Type.i4, pack_nibbles(codes)
        else:
            kind, data = openvino.Type.i8, codes
        constant = openvino.op.Constant(openvino.Tensor(np.ascontiguousarray(data), shape, kind))
        scaled = ops.multiply(
            ops.convert(constant, np.float16), ops.constant(scales[..., None].astype(np.float16))
        )
        return ops.convert(ops.reshape(scaled, list(codes.shape), False), np.float32)


class Ggml:
    """What llama.cpp computes with: weights as they are and in each of the
    layouts that it repacks them in for this processor."""

    name = "ggml"
    TYPES = {"Q4_0": 2, "Q8_0": 8, "Q4_K": 12}
    F32 = 0
    IGNORE = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)

    def __init__(self, linears, threads):
        self.linears, self.threads = linears, threads
        self.base, self.cpu = ggml.base, ggml.cpu
        for library, names in (
            (
                self.base,
                "ggml_init ggml_new_tensor_2d ggml_mul_mat ggml_new_graph_custom ggml_get_data "
                "ggml_backend_alloc_ctx_tensors_from_buft ggml_gallocr_new ggml_backend_get_device "
                "ggml_backend_dev_backend_reg ggml_backend_reg_get_proc_address ggml_backend_cpu_buffer_type",
            ),
            (self.cpu, "ggml_backend_cpu_init"),
        ):
            for function in names.split():
                getattr(library, function).restype = ctypes.c_void_p
        self.base.ggml_row_size.restype = ctypes.c_size_t
        self.base.ggml_backend_buft_name.restype = ctypes.c_char_p
        self.base.ggml_backend_supports_op.restype = ctypes.c_bool
        self.base.ggml_log_set(self.IGNORE, None)
        self.backend = self._pointer(self.cpu.ggml_backend_cpu_init())
        self.cpu.ggml_backend_cpu_set_n_threads(self.backend, threads)
        pool = ggml.make_threadpool(threads)
        self.cpu.ggml_backend_cpu_set_threadpool(self.backend, pool)
        weakref.finalize(self, ggml.free_threadpool, pool)

    @staticmethod
    def _pointer(value):
        return ctypes.c_void_p(value)

    def candidates(self):
        kinds = ["Q8_0"] if self.linears.bits == 8 else ["Q4_0", "Q4_K"]
        for kind, buffers in itertools.product(kinds, self._buffer_types()):
            loaded = self._load(kind, buffers)
            if loaded:
                yield loaded

    def _buffer_types(self):
        """The plain one and those that repack."""
        yield self._pointer(self.base.ggml_backend_cpu_buffer_type())
        device = self._pointer(self.base.ggml_backend_get_device(self.backend))
        registry = self._pointer(self.base.ggml_backend_dev_backend_reg(device))
        address = self.base.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_dev_get_extra_bufts")
        get = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)(address)
        for value in itertools.takewhile(bool, get(device)):
            yield self._pointer(value)

    def _context(self):
        class Parameters(ctypes.Structure):
            _fields_ = [("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]

        return self._pointer(self.base.ggml_init(Parameters(1 << 24, None, True)))

    def _tensor(self, context, kind, shape):
        return self._pointer(
            self.base.ggml_new_tensor_2d(context, kind, ctypes.c_int64(shape[1]), ctypes.c_int64(shape[0]))
        )

    def _set(self, tensor, array):
        data = array.ctypes.data_as(ctypes.c_void_p)
        self.base.ggml_backend_tensor_set(tensor, data, ctypes.c_size_t(0), ctypes.c_size_t(array.nbytes))

    def _quantize(self, kind, weight):
        """The bytes of each row."""
        rows, columns = map(ctypes.c_int64, weight.shape)
        data = np.empty((len(weight), self.base.ggml_row_size(kind, columns)), np.uint8)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (weight, data)]
        self.base.ggml_quantize_chunk(kind, *pointers, ctypes.c_int64(0), rows, columns, None)
        return data

    def _load(self, kind, buffers):
        linears, number = self.linears, self.TYPES[kind]
        weights = self._context()
        tensors = [self._tensor(weights, number, linears.base.shape) for _ in range(linears.count)]
        context = self._context()
        x = self._tensor(context, self.F32, linears.x.shape)
        graph = self._pointer(self.base.ggml_new_graph_custom(context, ctypes.c_size_t(4096), False))
        buffer = self._pointer(self.base.ggml_backend_alloc_ctx_tensors_from_buft(weights, buffers))
        if not buffer:
            return None
        y = None
        for tensor in tensors:
            y = self._pointer(self.base.ggml_mul_mat(context, tensor, y if linears.is_chain and y else x))
            if not self.base.ggml_backend_supports_op(self.backend, y):
                return None
            # A result that is to stay is an output.
            self.base.ggml_set_output(y)
            self.base.ggml_build_forward_expand(graph, y)
        self.base.ggml_set_input(x)
        plain = self._pointer(self.base.ggml_backend_cpu_buffer_type())
        allocator = self._pointer(self.base.ggml_gallocr_new(plain))
        self.base.ggml_gallocr_alloc_graph(allocator, graph)
        rows = self._quantize(number, linears.base)
        for i, tensor in enumerate(tensors):
            self._set(tensor, linears.turn(i, rows))
        self._set(x, linears.x)
        shape = (len(linears.x), len(linears.base))

        def run():
            self.base.ggml_backend_graph_compute(self.backend, graph)
            address = self.base.ggml_get_data(y)
            return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), shape)

        def free():
            self.base.ggml_gallocr_free(allocator)
            self.base.ggml_backend_buffer_free(buffer)
            self.base.ggml_free(context)
            self.base.ggml_free(weights)

        weakref.finalize(run, free)
        name = f"{self.name} {kind} {self.base.ggml_backend_buft_name(buffers).decode()}"
        return name, machine.ThreadBound(run)


LIBRARIES = (OnnxRuntime, OpenVino, Ggml)
