"""Quench: compiles transformer checkpoints to programs.

    import quench

    quench.build("all-MiniLM-L6-v2", "minilm")           # a program
    model = quench.load("all-MiniLM-L6-v2")              # or in this process
    out = model(**model.tokenize(["A sentence.", "Another one."]))
    out["sentence_embedding"]                            # a numpy array

    quench.opt(ir_text, "canonicalize,cse")              # passes on IR

The package is a layer over libQuenchCompiler.so, which it looks for where the
environment variable QUENCH_LIBRARY says, in the build tree that it lies in, in
the prefix of this Python, beside the `quench` on PATH, and where the system
loads libraries from.
"""

from ._compiler import Error, build, inspect, opt, version
from ._model import Model, load

__all__ = ["Error", "Model", "build", "inspect", "load", "opt", "version"]
