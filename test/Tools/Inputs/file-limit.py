"""file-limit.py BYTES COMMAND...: runs the command, which can write no larger
file."""

import os
import resource
import signal
import sys

limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
# A write beyond the limit fails, as it does on a full disk, without a signal.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
os.execvp(sys.argv[2], sys.argv[2:])
