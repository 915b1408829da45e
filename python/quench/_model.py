"""Running models on numpy arrays."""

import ctypes
import json
import os
from ctypes import POINTER

import numpy as np

from ._compiler import Context, Error, Module, encode
from ._library import RunOptions, Tensor, library

# Values of qrt_dtype. numpy has no bfloat16: such tensors travel as their bits.
_DTYPES = {
    0: np.dtype(np.bool_),
    1: np.dtype(np.uint8),
    2: np.dtype(np.int8),
    3: np.dtype(np.int16),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int32),
    6: np.dtype(np.uint32),
    7: np.dtype(np.int64),
    8: np.dtype(np.uint64),
    9: np.dtype(np.float16),
    10: np.dtype(np.uint16),
    11: np.dtype(np.float32),
    12: np.dtype(np.float64),
}
_NAMES = ["BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64", "F16", "BF16", "F32", "F64"]


class Model:
    """A model in this process; made by load().

    Calling it runs an entry point: `model(input_ids=ids)` runs the first,
    `model("decode", ...)` the named one. Inputs that the manifest gives a
    default may be left out, and states, which then start as zeros and come
    back in the result. States that are given are updated in place.
    """

    def __init__(self, context, handle):
        self._context = context
        self._handle = context.check(handle)
        self.manifest = json.loads(library.quench_program_manifest(self._handle).decode())

    def close(self):
        """Frees the model; it cannot be called any more."""
        if self._handle:
            library.quench_program_destroy(self._handle)
            self._handle = None
            self._context.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None):
            self.close()

    def __call__(self, entry=None, /, **inputs):
        self._check_open()
        declared = {tensor["name"]: tensor for tensor in self._entry(entry)["inputs"]}
        arrays, tensors = [], (Tensor * len(inputs))()
        for tensor, (name, value) in zip(tensors, inputs.items()):
            if name not in declared:
                raise Error(f"found input '{name}', expected one of {', '.join(declared)}")
            array = _as_input(name, value, declared[name])
            shape = (ctypes.c_int64 * array.ndim)(*array.shape)
            arrays.append((array, shape))
            tensor.name = name.encode()
            tensor.dtype = _NAMES.index(declared[name]["dtype"])
            tensor.rank = array.ndim
            tensor.shape = shape
            tensor.data = array.ctypes.data
        outputs, count = POINTER(Tensor)(), ctypes.c_size_t()
        self._context.check_status(
            library.quench_program_run(
                self._handle,
                encode(entry),
                tensors,
                len(inputs),
                ctypes.byref(outputs),
                ctypes.byref(count),
            )
        )
        return self._take(outputs, count)

    def tokenize(self, texts, *, truncate=False):
        """Inputs for texts, padded to the longest, by the model's tokenizer."""
        self._check_open()
        encoded = [text.encode() for text in texts]
        outputs, count = POINTER(Tensor)(), ctypes.c_size_t()
        self._context.check_status(
            library.quench_program_tokenize(
                self._handle,
                (ctypes.c_char_p * len(encoded))(*encoded),
                (ctypes.c_size_t * len(encoded))(*map(len, encoded)),
                len(encoded),
                truncate,
                ctypes.byref(outputs),
                ctypes.byref(count),
            )
        )
        return self._take(outputs, count)

    def _check_open(self):
        if not self._handle:
            raise Error("the model is closed")

    def _entry(self, name):
        entries = self.manifest["entries"]
        if name is None:
            return entries[0]
        for entry in entries:
            if entry["name"] == name:
                return entry
        names = ", ".join(entry["name"] for entry in entries)
        raise Error(f"found entry point '{name}', expected one of {names}")

    def _take(self, tensors, count):
        """Copies of the tensors of the library, which are freed."""
        arrays = {}
        for tensor in tensors[: count.value]:
            dtype = _DTYPES[tensor.dtype]
            shape = tuple(tensor.shape[i] for i in range(tensor.rank))
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            data = ctypes.string_at(tensor.data, size) if size else b""
            arrays[tensor.name.decode()] = np.frombuffer(data, dtype).reshape(shape).copy()
        library.quench_program_free(self._handle, tensors, count)
        return arrays


def _as_input(name, value, declared):
    """The dense array that an input takes. States must be so already, since
    they are updated in place; other inputs are converted where no value can
    change."""
    dtype = _DTYPES[_NAMES.index(declared["dtype"])]
    array = np.asarray(value)
    if array.dtype == dtype and array.flags.c_contiguous:
        return array
    if declared.get("role") == "state":
        raise Error(f"state '{name}': expected a contiguous array of {dtype}, found {array.dtype}")
    if isinstance(value, np.ndarray) and not np.can_cast(array.dtype, dtype, "safe"):
        raise Error(f"input '{name}': found {array.dtype}, expected {dtype}")
    # Not ascontiguousarray(), which turns scalars into vectors.
    return np.asarray(array, dtype=dtype, order="C")


def load(model, *, cpu=None, dtype=None, threads=0, params=None):
    """Loads a model to run in this process.

    `model` is a shared library that was built with emit="shared", or a
    checkpoint folder or an IR file, which is compiled for `cpu` (default: this
    machine). `threads` 0 means one per core. `params` names the parameter
    archive of a shared library with external weights.
    """
    path = os.fspath(model)
    options = RunOptions(num_threads=threads, params_path=encode(params), skip_params_check=0)
    context = Context()
    try:
        if os.path.isfile(path) and _is_library(path):
            return Model(context, library.quench_open(context.handle, encode(path), options))
        with Module(
            context, library.quench_load(context.handle, encode(path), encode(dtype))
        ) as module:
            return Model(
                context, library.quench_compile(module.handle, encode(cpu), options)
            )
    except Exception:
        context.close()
        raise


def _is_library(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"
