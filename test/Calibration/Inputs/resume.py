"""Interrupts calibrations, and measures the memory of them.

    resume.py data X.npy EXAMPLES
    resume.py interrupt OUTPUT COMMAND...   twice, then lets the command end
    resume.py memory LIMIT COMMAND... -- COMMAND...
                                  the second may take LIMIT times what the first does
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np


def interrupt(output, command):
    path = pathlib.Path(output)
    state = path.parent / f".{path.name}.state"
    seen = None
    for _ in range(2):
        # Who runs the tests may ignore the signal, and children inherit that.
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        # A state other than the one that it goes on from.
        while process.poll() is None and (not state.exists() or state.stat().st_mtime_ns == seen):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        process.wait()
        if path.exists() or not state.exists():
            sys.exit("error: it ended before it was interrupted")
        seen = state.stat().st_mtime_ns
        left = [file.name for file in path.parent.iterdir() if file.name.startswith(f".{path.name}")]
        print("left behind:", " ".join(left), flush=True)
    subprocess.run(command, check=True)
    print("left behind:", "state" if state.exists() else "nothing")


def measure(command):
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"error: {command} failed")
    return usage.ru_maxrss


if sys.argv[1] == "data":
    rng = np.random.default_rng(3)
    np.save(sys.argv[2], rng.standard_normal((int(sys.argv[3]), 6, 8)).astype(np.float32))
elif sys.argv[1] == "interrupt":
    interrupt(sys.argv[2], sys.argv[3:])
else:
    middle = sys.argv.index("--", 3)
    few, many = measure(sys.argv[3:middle]), measure(sys.argv[middle + 1:])
    print(f"{few} KiB and {many} KiB: {'bounded' if many <= float(sys.argv[2]) * few else 'GROWS'}")
