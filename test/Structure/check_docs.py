#!/usr/bin/env python3
"""Checks that every pass of Quench has a page with a description, and that links
between pages lead somewhere.

usage: check_docs.py ROOT BUILD < output of quench-opt --help
"""

import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def check_passes(build, text):
    listed = text.split("Passes:", 1)[1].split("Pass Pipelines:", 1)[0]
    flags = re.findall(r"^ +--(quench-[\w-]+)", listed, re.MULTILINE)
    if not flags:
        yield "quench-opt --help lists no pass of Quench"
    pages = "".join(
        page.read_text() + "\n### `-"
        for page in sorted((build / "docs/Passes").glob("*.md"))
    )
    for flag in flags:
        section = pages.partition(f"### `-{flag}`\n")[2].split("\n### `-", 1)[0]
        summary, _, rest = section.strip().partition("\n")
        if not summary:
            yield f"no page in {build}/docs/Passes has the pass {flag}"
        elif not rest.strip() or rest.strip().startswith("#### Options"):
            yield f"the pass {flag} has no description"


def check_links(root):
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        for target in LINK.findall(page.read_text()):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(root)}: no file {target}"


def main():
    root, build = map(pathlib.Path, sys.argv[1:])
    errors = [*check_passes(build, sys.stdin.read()), *check_links(root)]
    for error in errors:
        print(f"error: {error}")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
