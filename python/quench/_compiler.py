"""Building models and running passes."""

import ctypes
import json
import os

from ._library import BuildOptions, library


class Error(Exception):
    """What the compiler or a model says when it fails."""


class Context:
    """A quench_context, with errors as exceptions."""

    def __init__(self):
        self.handle = library.quench_context_create()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.handle:
            library.quench_context_destroy(self.handle)
            self.handle = None

    def failure(self):
        return Error(library.quench_last_error(self.handle).decode())

    def check(self, result):
        """Raises where `result` is a null handle."""
        if not result:
            raise self.failure()
        return result

    def check_status(self, status):
        if status != 0:
            raise self.failure()


class Module:
    """A quench_module of a context."""

    def __init__(self, context, handle):
        self.context = context
        self.handle = context.check(handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        library.quench_module_destroy(self.handle)


def take_string(pointer):
    """The text of a string of the library, which is freed."""
    text = ctypes.string_at(pointer).decode()
    library.quench_string_free(pointer)
    return text


def encode(value):
    """A path or text as C takes it; None stays."""
    return None if value is None else os.fsencode(value)


def version():
    """Version of the compiler."""
    return library.quench_version().decode()


def build(
    model,
    output,
    *,
    cpu=None,
    target=None,
    emit=None,
    weights=None,
    dtype=None,
    params=None,
    linker=None,
    runtime=None,
    force=False,
):
    """Builds `output` from `model`, a checkpoint folder or an IR file.

    The options are those of `quench build`; `params` is a dictionary from
    scopes to archives. Raises Error, and then leaves no output.
    """
    pairs = [encode(f"{scope}={os.fspath(path)}") for scope, path in (params or {}).items()]
    options = BuildOptions(
        struct_size=ctypes.sizeof(BuildOptions),
        dtype=encode(dtype),
        target=encode(target),
        cpu=encode(cpu),
        emit=encode(emit),
        weights=encode(weights),
        linker=encode(linker),
        runtime=encode(runtime),
        params=(ctypes.c_char_p * len(pairs))(*pairs),
        num_params=len(pairs),
        force=force,
    )
    with Context() as context:
        context.check_status(
            library.quench_build(context.handle, encode(model), encode(output), options)
        )


def opt(text, pipeline):
    """Runs a textual pipeline such as `canonicalize,cse` on IR; returns IR."""
    source = text.encode()
    with Context() as context:
        with Module(context, library.quench_parse(context.handle, source, len(source))) as module:
            context.check_status(library.quench_run_pipeline(module.handle, encode(pipeline)))
            return take_string(library.quench_print(module.handle))


def inspect(model, *, dtype=None):
    """What a model is made of, as `quench inspect --json` says it."""
    with Context() as context:
        with Module(
            context, library.quench_load(context.handle, encode(model), encode(dtype))
        ) as module:
            return json.loads(take_string(library.quench_inspect(module.handle)))
