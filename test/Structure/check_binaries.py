#!/usr/bin/env python3
"""Checks that nothing of Quench carries a second copy of MLIR or LLVM.

usage: check_binaries.py READELF NM [--compiler FILE...] [--runtime FILE...]

Compilers (the library, tools, plugins) need libMLIR.so and libLLVM.so once and
define no MLIRContext. Runtimes (archives, compiled models) neither need nor
mention them.
"""

import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(nm, file, *flags):
    """Mangled names; none of a stripped file."""
    names = set()
    for dynamic in ([], ["-D"]):
        result = subprocess.run(
            [nm, *dynamic, *flags, "-j", file], capture_output=True, text=True
        )
        names.update(result.stdout.split())
    return names


def needed(readelf, file):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", output(readelf, "-dW", file))


def check_compiler(readelf, nm, file):
    libraries = needed(readelf, file)
    for library in ("libMLIR.so.22.1", "libLLVM.so.22.1"):
        if libraries.count(library) != 1:
            yield f"needs {library} {libraries.count(library)} times, not once"
    for library in libraries:
        if library.startswith(("libMLIR", "libLLVM")) and library not in (
            "libMLIR.so.22.1",
            "libLLVM.so.22.1",
        ):
            yield f"needs {library}, a second copy of parts of MLIR or LLVM"
    for name in symbols(nm, file, "--defined-only"):
        if re.match(r"_ZN4mlir11MLIRContext[CD]\d", name):
            yield f"defines {name}: MLIR is linked statically"


def check_runtime(readelf, nm, file):
    if not file.endswith(".a"):
        for library in needed(readelf, file):
            if "MLIR" in library or "LLVM" in library or "Quench" in library:
                yield f"needs {library}"
    for name in symbols(nm, file):
        if re.match(r"_ZN?K?(4mlir|4llvm)|mlir|LLVM", name):
            yield f"mentions {name}"


def main():
    readelf, nm, *rest = sys.argv[1:]
    check = None
    checked = errors = 0
    for argument in rest:
        if argument == "--compiler":
            check = check_compiler
        elif argument == "--runtime":
            check = check_runtime
        else:
            checked += 1
            for error in check(readelf, nm, argument):
                errors += 1
                print(f"error: {argument}: {error}")
    print(f"{checked} files checked")
    return 1 if errors or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
