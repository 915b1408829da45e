"""Runs the fake model in a shared library through the C ABI."""

import ctypes
import sys


class Tensor(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("data", ctypes.c_void_p),
    ]


library = ctypes.CDLL(sys.argv[1])
library.fakeModel.restype = ctypes.c_void_p
library.qrt_last_error.restype = ctypes.c_char_p


def check(status):
    if status != 0:
        sys.exit(f"error: {library.qrt_last_error().decode()}")


session = ctypes.c_void_p()
model = ctypes.c_void_p(library.fakeModel())
check(library.qrt_session_create(model, None, ctypes.byref(session)))

shape = (ctypes.c_int64 * 2)(1, 3)
ids = (ctypes.c_int64 * 3)(1, 2, 3)
tensor = Tensor(b"input_ids", 7, 2, shape, ctypes.cast(ids, ctypes.c_void_p))
outputs = ctypes.POINTER(Tensor)()
count = ctypes.c_size_t()
for _ in range(3):
    check(
        library.qrt_run(
            session,
            None,
            ctypes.byref(tensor),
            ctypes.c_size_t(1),
            ctypes.byref(outputs),
            ctypes.byref(count),
        )
    )
    result = outputs[count.value - 1]
    values = ctypes.cast(result.data, ctypes.POINTER(ctypes.c_float))
    print(result.name.decode(), values[0 : result.shape[1]])
    library.qrt_tensors_free(outputs, count)
library.qrt_session_destroy(session)
