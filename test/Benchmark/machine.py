"""What benchmarks of speed share: processors, ceilings, rounds, figures.

All times are of the wall clock. Everything runs on the first processors, as many
as there are threads, one after the other: ours, peers, ceilings.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import time

HERE = pathlib.Path(__file__).parent


def pin(threads):
    """This process and all that it starts, on that many processors."""
    os.sched_setaffinity(0, range(threads))


def last_cache_bytes():
    """The size of the largest cache of the first processor."""
    units = {"K": 1 << 10, "M": 1 << 20}
    sizes = [
        path.read_text().strip()
        for path in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    ]
    return max((int(size[:-1]) * units[size[-1]] for size in sizes), default=32 << 20)


class Ceilings:
    """What ceilings.c measures; keeps all that it measured."""

    def __init__(self, work, threads, clang="clang-22"):
        self.program = work / "ceilings"
        self.threads = threads
        self.all = []
        subprocess.run(
            [clang, "-O2", "-march=native", "-pthread", HERE / "ceilings.c", "-lm", "-o", self.program], check=True
        )

    def measure(self, memory=0, file=None):
        """The rates by name; memory is the bytes to read, 0 for none."""
        command = [self.program, "--threads", str(self.threads), "--memory", str(memory)]
        if file:
            command += ["--file", file]
        self.all.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        return {name: ceiling["rate"] for name, ceiling in self.all[-1].items()}

    def describe(self):
        """Medians of all; of instructions the clock and the part of what the
        processor can do in a cycle, too."""
        parts = []
        for name in {name: None for ceilings in self.all for name in ceilings}:
            found = [ceilings[name] for ceilings in self.all if name in ceilings]
            text = f"{name} {spread([c['rate'] for c in found], '.1f')} {found[0]['unit']}"
            if "clock" in found[0]:
                part = statistics.median(c["of_cycle"] for c in found)
                per_cycle = statistics.median(c["per_cycle"] / c["of_cycle"] for c in found)
                clock = statistics.median(c["clock"] for c in found)
                text += f" = {part:.3f} of {per_cycle:.3g} a cycle at {clock:.2f} GHz"
            parts.append(text)
        return "; ".join(parts)


def spread(values, form):
    """Median, least and most."""
    return f"{statistics.median(values):{form}} ({min(values):{form}}..{max(values):{form}})"


class ThreadBound:
    """A function that runs on one thread, the same for all of these, where no
    other library runs: ggml takes it that nobody else changes the configuration
    of the tile registers of a thread."""

    thread = concurrent.futures.ThreadPoolExecutor(max_workers=1)

    def __init__(self, run):
        self.run = run

    def __call__(self):
        return self.thread.submit(self.run).result()


def measure(run, calls):
    """Median milliseconds of a call."""
    if isinstance(run, ThreadBound):
        return run.thread.submit(measure, run.run, calls).result()
    # Threads of who ran before may wait for more work in a loop.
    time.sleep(0.05)
    run()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def fastest(candidates, calls=3):
    """The name and the function of the fastest in one short round; None where
    there are none."""
    best = None
    for name, run in candidates:
        milliseconds = measure(run, calls)
        if best is None or milliseconds < best[0]:
            best = milliseconds, name, run
    return best and best[1:]


def bench(command, calls):
    """Median milliseconds of a call of what `quench build` made."""
    time.sleep(0.05)
    text = subprocess.run(
        [*command, "--bench", str(calls)], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"median\s*:?\s*([0-9.]+)\s*ms", text).group(1))


def cosine(a, b):
    a, b = a.ravel().astype(float), b.ravel().astype(float)
    return float(a @ b / (a @ a * (b @ b)) ** 0.5)
