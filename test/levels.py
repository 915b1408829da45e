"""Which levels of processor this machine can run."""

FEATURES = {"x86-64-v3": "avx2", "x86-64-v4": "avx512bw", "vnni": "avx512_vnni", "amx": "amx_int8", "avxvnni": "avx_vnni"}


def can_run(cpu):
    """Whether code for `cpu`, as --cpu takes it, runs here."""
    with open("/proc/cpuinfo") as stream:
        flags = next(line for line in stream if line.startswith("flags")).split()
    words = cpu.split(",")[0].split("+")
    return all(FEATURES.get(word) in (None, *flags) for word in words)
