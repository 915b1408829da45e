#!/usr/bin/env python3
"""Checks what clang-format does not: headers, guards, line ends.

usage: check_style.py ROOT
"""

import pathlib
import re
import sys

SOURCES = {".h", ".cpp", ".c", ".td"}
TEXTS = SOURCES | {".md", ".py", ".sh", ".txt", ".cmake", ".mlir", ".test", ".in"}
TOPS = ("include", "lib", "tools", "test", "python", "docs", "README.md", "CMakeLists.txt")
# Checkpoints, and the project that users get as their own.
SKIPPED = ("test/Models/", "lib/Plugin/Templates/")
LICENSE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"
RAW_STRING = re.compile(r'R"(\w*)\(.*?\)\1"', re.DOTALL)


def guards_of(name):
    """The path as an identifier; that of a private header may leave out lib."""
    names = {"include/": [""], "lib/": ["quench/", "quench/lib/"]}
    for root, prefixes in names.items():
        if name.startswith(root):
            paths = [prefix + name[len(root):] for prefix in prefixes]
            break
    else:
        paths = ["quench/" + name]
    return [re.sub(r"\W", "_", path).upper() for path in paths]


def check(file, name):
    try:
        text = file.read_text()
    except UnicodeDecodeError:
        yield 1, "is not UTF-8"
        return
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline at the end"
    if text.endswith("\n\n"):
        yield text.count("\n"), "empty lines at the end"
    literals = set()
    for literal in RAW_STRING.finditer(text):
        first = text.count("\n", 0, literal.start()) + 1
        literals.update(range(first, first + literal[0].count("\n") + 1))
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield number, "white space at the end of the line"
        if "\t" in line and file.suffix in SOURCES:
            yield number, "a tab"
        # Strings, addresses and the IR in tests cannot always be broken.
        if len(line) > 80 and file.suffix in {".h", ".cpp", ".c"}:
            free = number in literals or '"' in line or "://" in line
            if not (free or name.startswith("test/")):
                yield number, f"{len(line)} columns, more than 80"
    # The C files that lit runs are no sources.
    if file.suffix not in SOURCES or name.startswith("test/") and "RUN:" in text:
        return
    if not re.match(rf"/[/*]===-+ (\S+/)?{re.escape(file.name)} - ", text):
        yield 1, f"does not start with '//===- {file.name} - '"
    if LICENSE not in text:
        yield 1, "no licence"
    if file.suffix == ".h":
        found = re.search(r"#ifndef (\w+)\n#define \1\n", text)
        guard = guards_of(name)[0]
        if not found or found[1] not in guards_of(name):
            yield 1, f"no include guard {guard}"
        else:
            guard = found[1]
        if not re.search(rf"#endif /[/*] {guard}( \*/)?\n$", text):
            yield text.count("\n"), f"does not end with '#endif // {guard}'"


def main():
    root = pathlib.Path(sys.argv[1])
    checked = errors = 0
    for top in TOPS:
        path = root / top
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = file.relative_to(root).as_posix()
            if (
                not file.is_file()
                or file.suffix not in TEXTS
                or name.startswith(SKIPPED)
                or "/." in name
                or ".egg-info/" in name
            ):
                continue
            checked += 1
            for line, error in check(file, name):
                errors += 1
                print(f"{name}:{line}: {error}")
    print(f"{checked} files checked")
    return 1 if errors or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
