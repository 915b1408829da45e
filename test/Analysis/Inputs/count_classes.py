"""Prints how many classes of channels models have, and how many are free.

    count_classes.py QUENCH QUENCH_OPT PLUGIN FOLDER...
"""

import pathlib
import subprocess
import sys
import tempfile


def main():
    quench, opt, plugin, *folders = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        for folder in folders:
            ir = pathlib.Path(scratch) / f"{pathlib.Path(folder).name}.mlir"
            subprocess.run([quench, "import", folder, "-o", ir], check=True, capture_output=True)
            counts = []
            for kind in ("basis", "scale", "shift"):
                run = subprocess.run(
                    [opt, ir, f"--load-pass-plugin={plugin}", "-o", "/dev/null",
                     f"--pass-pipeline=builtin.module(test-print-channel-classes{{kind={kind}}})"],
                    check=True, capture_output=True, text=True)
                counts.append(f"{kind} {run.stdout.splitlines()[-1]}")
            print(f"{pathlib.Path(folder).name}: {'; '.join(counts)}")


main()
