#!/usr/bin/env python3
"""Checks who includes whom against the table in docs/dev/conventions.md.

usage: check_includes.py ROOT
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)
SUFFIXES = {".h", ".cpp", ".c"}


def read_table(page):
    """The rows below 'Who may include whom': folder -> folders it may use."""
    text = page.read_text().split("## Who may include whom", 1)[1]
    table = {}
    for line in text.splitlines():
        if line.startswith("## "):
            break
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 2 or not cells[0].startswith("`"):
            continue
        table[cells[0].strip("`")] = set(re.findall(r"`([^`]+)`", cells[1]))
    return table


def close(table):
    """What a folder may include, those below may include too."""
    for folder in table:
        pending = list(table[folder])
        while pending:
            below = pending.pop()
            if below not in table:
                sys.exit(f"error: the table has no row for '{below}'")
            new = table[below] - table[folder]
            table[folder] |= new
            pending += new
        if folder in table[folder]:
            sys.exit(f"error: the table lets '{folder}' include itself in a circle")


def folder_of(path, table):
    """The longest row that a path without its root lies in."""
    rows = [row for row in table if (path + "/").startswith(row + "/")]
    return max(rows, key=len, default=None)


def strip_root(path):
    """include/Quench/X, lib/X and an included Quench/X all become X."""
    for root in ("include/Quench/", "Quench/", "include/", "lib/"):
        if path.startswith(root):
            path = path[len(root):]
            break
    return path[: -len(".h")] if path.endswith("InitAll.h") else path


def main():
    root = pathlib.Path(sys.argv[1])
    table = read_table(root / "docs/dev/conventions.md")
    close(table)
    errors = []
    checked = 0
    for top in ("include", "lib", "tools"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SUFFIXES or not file.is_file():
                continue
            name = file.relative_to(root).as_posix()
            folder = folder_of(strip_root(name), table)
            if folder is None:
                errors.append(f"{name}: its folder is not in the table")
                continue
            for included in INCLUDE.findall(file.read_text()):
                checked += 1
                first = included.split("/", 1)[0]
                if first in ("mlir", "mlir-c", "llvm", "llvm-c"):
                    if folder in ("Runtime", "quench-rt", "quench-c"):
                        errors.append(f"{name}: '{folder}' includes {included}")
                    continue
                if first not in ("Quench", "quench-rt", "quench-c"):
                    continue
                target = folder_of(strip_root(included), table)
                if target is None:
                    errors.append(f"{name}: {included} is in no row of the table")
                elif target != folder and target not in table[folder]:
                    errors.append(
                        f"{name}: '{folder}' must not include {included} of '{target}'"
                    )
    for error in errors:
        print(f"error: {error}")
    if not checked:
        print("error: no include found")
    print(f"{checked} includes checked")
    return 1 if errors or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
