"""status.py STATUS COMMAND...: runs the command and fails unless it exits so."""

import subprocess
import sys

expected = int(sys.argv[1])
status = subprocess.run(sys.argv[2:]).returncode
if status != expected:
    sys.exit(f"expected exit status {expected}, found {status}")
