"""The libraries of ggml that llama-cpp-python carries."""

import ctypes
import pathlib

import llama_cpp

_FOLDER = pathlib.Path(llama_cpp.__file__).parent / "lib"
base = ctypes.CDLL(str(_FOLDER / "libggml-base.so"))
cpu = ctypes.CDLL(str(_FOLDER / "libggml-cpu.so"))
_llama = ctypes.CDLL(str(_FOLDER / "libllama.so"))


class _ThreadpoolParameters(ctypes.Structure):
    _fields_ = [
        ("mask", ctypes.c_bool * 512),
        ("count", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    ]


def make_threadpool(threads):
    """Threads that stay from call to call, for ggml_threadpool_free(): those that
    ggml makes by itself, without OpenMP, end with each."""
    parameters = _ThreadpoolParameters()
    base.ggml_threadpool_params_init(ctypes.byref(parameters), threads)
    cpu.ggml_threadpool_new.restype = ctypes.c_void_p
    return ctypes.c_void_p(cpu.ggml_threadpool_new(ctypes.byref(parameters)))


def attach_threadpool(context, pool):
    """Has a context of llama.cpp compute on `pool`."""
    _llama.llama_attach_threadpool(ctypes.c_void_p(context), pool, pool)


def free_threadpool(pool):
    cpu.ggml_threadpool_free(pool)
