"""Configuration of the lit tests.

Every run of quench-opt also checks that its output survives the trip through
text and bytecode (--verify-roundtrip), unless a test says quench-opt-plain.
"""

import os
import shutil
import subprocess

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "Quench"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".c"]
config.excludes = ["Inputs", "Models", "Benchmark", "Unit", "lib"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.quench_obj_root, "test")

bin_dir = os.path.join(config.quench_obj_root, "bin")
config.environment["FILECHECK_OPTS"] = "-enable-var-scope --allow-unused-prefixes=false"
for name in ("HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%quench_libs", os.path.join(config.quench_obj_root, "lib")))
config.substitutions.append(
    ("%test_plugins", os.path.join(config.quench_obj_root, "test", "lib", "Plugin"))
)
# %mutants SPEC MODEL checks the mutants of a pass, see test/lib/Mutants.
test_mutants = os.path.join(config.quench_obj_root, "test", "lib", "Mutants")
config.substitutions.append(("%mutants", os.path.join(test_mutants, "quench-test-mutants")))
config.substitutions.append(
    ("%claim", f"quench-opt-plain --load-pass-plugin={test_mutants}/QuenchTestMutants.so %s --pass-pipeline")
)
config.substitutions.append(("%quench_src", config.quench_src_root))
config.substitutions.append(("%quench_obj", config.quench_obj_root))
config.substitutions.append(("%models", os.path.join(config.test_source_root, "Models")))
config.substitutions.append(("%mlir_libs", config.llvm_libs_dir))
config.substitutions.append(("%llvm_tools", config.llvm_tools_dir))
config.substitutions.append(("%cc\\b", config.cc))
config.substitutions.append(("%cxx\\b", config.cxx))
config.substitutions.append(("%python", config.python_executable))
config.substitutions.append(("%cc", config.c_compiler))

# Projects that a test builds compile through ccache too.
if os.path.exists(config.ccache):
    config.environment["CMAKE_CXX_COMPILER_LAUNCHER"] = config.ccache

quench_opt = os.path.join(bin_dir, "quench-opt")
llvm_config.add_tool_substitutions(
    [
        ToolSubst("quench-opt-plain", quench_opt),
        ToolSubst("quench-opt", quench_opt, extra_args=["--verify-roundtrip"]),
        "quench-lsp-server",
        "quench-reduce",
        ToolSubst("quench", os.path.join(bin_dir, "quench"), unresolved="ignore"),
        "FileCheck",
        "not",
        "split-file",
        "mlir-opt",
        "mlir-runner",
        "llvm-nm",
        "llvm-readelf",
        "llvm-objdump",
    ],
    [bin_dir, config.llvm_tools_dir],
)
llvm_config.with_environment("PATH", [bin_dir, config.llvm_tools_dir], append_path=True)

# tools/fetch-minilm.sh fetches it.
minilm = os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "quench", "all-MiniLM-L6-v2"
)
if os.path.exists(os.path.join(minilm, "model.safetensors")):
    config.available_features.add("minilm")
else:
    lit_config.note("tests of MiniLM are skipped: tools/fetch-minilm.sh fetches it to " + minilm)
config.substitutions.append(("%minilm", minilm))

# The tests of the Python package need numpy.
if subprocess.run([config.python_executable, "-c", "import numpy"], capture_output=True).returncode == 0:
    config.available_features.add("numpy")
else:
    lit_config.note("tests of the Python package are skipped: no numpy for " + config.python_executable)

# Programs that shall touch no memory that is not theirs.
if shutil.which("valgrind"):
    config.available_features.add("valgrind")
else:
    lit_config.note("programs are not run under valgrind, which is missing")

# Variables for a program of others that loads libraries of this build: their
# sanitizer must be the first, and what such programs leak is their own affair.
preload = ""
if config.sanitizers:
    config.available_features.add("sanitized")
    options = "allow_user_poisoning=0:allocator_may_return_null=1:abort_on_error=1:detect_leaks=0"
    preload = f"LD_PRELOAD={config.sanitizer_library} ASAN_OPTIONS={options}"
config.substitutions.append(("%preload", preload))

# Long tests: lit -Dexhaustive=1, and builds with sanitizers.
if config.sanitizers or "exhaustive" in lit_config.params:
    config.available_features.add("exhaustive")

# What browsers make of reports.
config.chromium = shutil.which("chromium") or shutil.which("chromium-browser")
if config.chromium:
    config.available_features.add("chromium")
    flags = "--headless=new --no-sandbox --disable-gpu --enable-logging=stderr --dump-dom"
    config.substitutions.append(("%chromium", f"{config.chromium} {flags}"))
else:
    lit_config.note("reports are not opened in a browser: no chromium")
