"""The C API, quench-c/quench.h, by ctypes."""

import ctypes
import os
import pathlib
import shutil
import sys
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint32, c_void_p

ABI_VERSION = 1
NAME = "libQuenchCompiler.so"


class Tensor(ctypes.Structure):
    """qrt_tensor."""

    _fields_ = [
        ("name", c_char_p),
        ("dtype", c_int),
        ("rank", c_int32),
        ("shape", POINTER(c_int64)),
        ("data", c_void_p),
    ]


class RunOptions(ctypes.Structure):
    """qrt_options."""

    _fields_ = [
        ("num_threads", c_int32),
        ("params_path", c_char_p),
        ("skip_params_check", c_int32),
    ]


class BuildOptions(ctypes.Structure):
    """quench_build_options."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("dtype", c_char_p),
        ("target", c_char_p),
        ("cpu", c_char_p),
        ("emit", c_char_p),
        ("weights", c_char_p),
        ("linker", c_char_p),
        ("runtime", c_char_p),
        ("params", POINTER(c_char_p)),
        ("num_params", c_size_t),
        ("force", c_int),
    ]


MessageFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)

_SIGNATURES = {
    "quench_abi_version": (c_uint32, []),
    "quench_version": (c_char_p, []),
    "quench_context_create": (c_void_p, []),
    "quench_context_destroy": (None, [c_void_p]),
    "quench_last_error": (c_char_p, [c_void_p]),
    "quench_set_message_callback": (None, [c_void_p, MessageFunction, c_void_p]),
    "quench_load": (c_void_p, [c_void_p, c_char_p, c_char_p]),
    "quench_parse": (c_void_p, [c_void_p, c_char_p, c_size_t]),
    "quench_module_destroy": (None, [c_void_p]),
    "quench_run_pipeline": (c_int, [c_void_p, c_char_p]),
    "quench_print": (c_void_p, [c_void_p]),
    "quench_inspect": (c_void_p, [c_void_p]),
    "quench_string_free": (None, [c_void_p]),
    "quench_build": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(BuildOptions)]),
    "quench_compile": (c_void_p, [c_void_p, c_char_p, POINTER(RunOptions)]),
    "quench_open": (c_void_p, [c_void_p, c_char_p, POINTER(RunOptions)]),
    "quench_program_destroy": (None, [c_void_p]),
    "quench_program_manifest": (c_char_p, [c_void_p]),
    "quench_program_run": (
        c_int,
        [c_void_p, c_char_p, POINTER(Tensor), c_size_t, POINTER(POINTER(Tensor)), POINTER(c_size_t)],
    ),
    "quench_program_tokenize": (
        c_int,
        [
            c_void_p,
            POINTER(c_char_p),
            POINTER(c_size_t),
            c_size_t,
            c_int,
            POINTER(POINTER(Tensor)),
            POINTER(c_size_t),
        ],
    ),
    "quench_program_free": (None, [c_void_p, POINTER(Tensor), c_size_t]),
}


def _candidates():
    """Where the library may be, best first."""
    named = os.environ.get("QUENCH_LIBRARY")
    if named:
        yield named
        return
    tree = pathlib.Path(__file__).resolve().parents[2]
    yield str(tree / "build" / "lib" / NAME)
    yield str(pathlib.Path(sys.prefix) / "lib" / NAME)
    tool = shutil.which("quench")
    if tool:
        yield str(pathlib.Path(tool).resolve().parents[1] / "lib" / NAME)
    yield NAME


def _load():
    failures = []
    for candidate in _candidates():
        if os.path.isabs(candidate) and not os.path.exists(candidate):
            failures.append(f"{candidate}: no such file")
            continue
        try:
            library = ctypes.CDLL(candidate)
        except OSError as error:
            failures.append(str(error))
            continue
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
        found = library.quench_abi_version()
        if found != ABI_VERSION:
            raise ImportError(f"{candidate}: found version {found} of the C API, expected {ABI_VERSION}")
        return library
    raise ImportError(
        f"cannot load {NAME}; name it with the environment variable QUENCH_LIBRARY\n  "
        + "\n  ".join(failures)
    )


library = _load()
