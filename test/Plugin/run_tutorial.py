#!/usr/bin/env python3
"""Types the commands of a tutorial and compares what they print.

usage: run_tutorial.py PAGE FOLDER [--quick]

Blocks of ```sh run in order in one shell whose HOME and first folder are
FOLDER. The lines of a ```text block after one occur in its output in order;
white space counts only as a separator. Other blocks are not looked at. With
--quick models are compiled without optimization: the page is about something else.
"""

import os
import re
import shutil
import subprocess
import sys

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "----- block {} -----"


def normalize(text):
    return " ".join(text.split())


def missing_line(expected, printed):
    """The first line of `expected` that is not in `printed` after the others."""
    lines = iter(normalize(line) for line in printed.splitlines())
    for line in filter(None, map(normalize, expected.splitlines())):
        if not any(line in found for found in lines):
            return line
    return None


def put_quick_compiler(folder):
    """A folder for PATH, with a `quench` that does not optimize what it compiles."""
    path = os.path.join(folder, ".quick")
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "quench"), "w") as stream:
        stream.write(
            "#!/bin/sh\n"
            'case "$1" in build|run|eval|compare|assign-bits) set -- "$@" --quick ;; esac\n'
            f'exec {shutil.which("quench")} "$@"\n'
        )
        os.fchmod(stream.fileno(), 0o755)
    return os.path.abspath(path)


def main():
    page, folder, *options = sys.argv[1:]
    commands, expected = [], {}
    for kind, text in BLOCK.findall(open(page).read()):
        if kind == "sh":
            commands.append(text)
        elif kind == "text":
            expected[len(commands) - 1] = text
    if not commands or not expected:
        sys.exit(f"error: {page}: no commands, or nothing to compare")

    script = "set -e -o pipefail\n"
    for index, text in enumerate(commands):
        script += f"echo '{MARK.format(index)}'\n{text}"
    environment = dict(os.environ, HOME=os.path.abspath(folder))
    if options == ["--quick"]:
        environment["PATH"] = put_quick_compiler(folder) + os.pathsep + environment["PATH"]
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(result.stdout)
    if result.returncode:
        for log in ("install.log", "cheap-gelu/configure.log", "cheap-gelu/build.log"):
            if os.path.exists(os.path.join(folder, log)):
                print(f"----- {log} -----")
                print(open(os.path.join(folder, log)).read()[-4000:])
        sys.exit(f"error: {page}: the shell failed with status {result.returncode}")
    printed = re.split(MARK.replace("{}", r"\d+") + "\n", result.stdout)[1:]
    for index, text in expected.items():
        line = missing_line(text, printed[index])
        if line is not None:
            sys.exit(f"error: {page}: block {index} did not print '{line}'")
    print(f"{len(commands)} blocks ran, {len(expected)} compared")


if __name__ == "__main__":
    main()
