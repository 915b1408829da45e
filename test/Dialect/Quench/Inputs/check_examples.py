"""Runs the mlir examples of generated pages through quench-opt.

    check_examples.py QUENCH_OPT PAGE...

Every example must parse and verify; every op of the dialect needs one.
"""

import re
import subprocess
import sys


def main():
    opt, *pages = sys.argv[1:]
    failed = count = 0
    for page in pages:
        text, found = open(page).read(), []
        for section in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
            title = section.partition("\n")[0]
            name = re.match(r"`(quench\.\w+)`", title)
            examples = re.findall(r"^ *```mlir\n(.*?)^ *```", section, flags=re.MULTILINE | re.DOTALL)
            if name and not any(name[1] + " " in example for example in examples):
                failed += 1
                print(f"{page}: {name[1]} has no example")
            found += [f"// {title}\n{example}" for example in examples]
        run = subprocess.run([opt, "--verify-roundtrip", "--split-input-file"], input="// -----\n".join(found),
                             text=True, capture_output=True)
        count += len(found)
        if run.returncode:
            failed += 1
            print(f"{page}:\n{run.stderr}")
    print(f"{count} examples")
    sys.exit(1 if failed else 0)


main()
