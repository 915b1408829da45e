"""age.py FOLDER: dates its files back, and says how many were dated so before."""

import os
import sys

files = [entry.path for entry in os.scandir(sys.argv[1])]
print(f"{sum(os.stat(f).st_mtime == 1 for f in files)} of {len(files)} files as old as before")
for f in files:
    os.utime(f, (1, 1))
