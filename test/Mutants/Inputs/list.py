#!/usr/bin/env python3
"""Lists the mutants of all tests in a folder, and fails where a pass that claims
equivalence has fewer than two.

usage: list.py FOLDER HELP ROOT

HELP holds what `quench-opt --help` prints; the sources of passes lie below ROOT.
"""

import pathlib
import re
import sys


def find_mutants(folder):
    """A list of (pipeline, name)."""
    for path in sorted(folder.glob("*.mlir")) + sorted(folder.glob("*.test")):
        pipeline = "?"
        for line in path.read_text().splitlines():
            line = line.lstrip("/ ")
            if line.startswith("PIPELINE: "):
                pipeline = line[len("PIPELINE: ") :].strip()
                if pipeline.startswith("use "):
                    pipeline = path.name
            elif line.startswith("MUTANT: ") and " :: " in line:
                yield pipeline, line[len("MUTANT: ") :].split(" :: ")[0]


def find_claims(root, help_text):
    """The flags of passes whose class is a claim of equivalence."""
    flags = {
        flag.replace("-", ""): flag
        for flag in re.findall(r"--(quench-[\w-]+)", help_text)
    }
    for path in sorted((root / "lib").rglob("*.cpp")):
        name = "quench" + path.stem.lower()
        if name in flags and re.search(r"\b\w+Claim\b", path.read_text()):
            yield flags[name]


def main():
    folder, help_text, root = map(pathlib.Path, sys.argv[1:])
    mutants = list(find_mutants(folder))
    for pipeline, name in mutants:
        print(f"{pipeline}: {name}")
    errors = 0
    for claim in find_claims(root, help_text.read_text()):
        count = sum(claim in pipeline for pipeline, _ in mutants)
        if count < 2:
            print(f"error: the pass {claim} has {count} mutants, expected 2")
            errors += 1
    public = len({name for _, name in mutants if name.startswith("[")})
    pipelines = len({pipeline for pipeline, _ in mutants})
    print(
        f"{len(mutants)} mutants of {pipelines} pipelines, "
        f"{public} of them errors of public code"
    )
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
