"""GoogleTest programs: every executable named *Tests below the build folder."""

import os

import lit.formats

config.name = "Quench-Unit"
config.suffixes = []
config.test_source_root = os.path.join(config.quench_obj_root, "test", "Unit")
config.test_exec_root = config.test_source_root
config.test_format = lit.formats.GoogleTest(".", "Tests")
