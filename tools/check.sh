#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test, prints the counts.
# With --sanitize: built with AddressSanitizer and UndefinedBehaviorSanitizer, long
# tests too.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  "") preset=release folder=build ;;
  --sanitize) preset=sanitize folder=build-sanitize ;;
  *) echo "usage: $0 [--sanitize]" >&2; exit 2 ;;
esac

tools/install-dependencies.sh
start=$SECONDS
cmake --preset $preset --log-level=WARNING
cmake --build --preset $preset
echo "built in $((SECONDS - start)) s"

start=$SECONDS
results=$folder/test/results.json
rm -f "$results"
status=0
LIT_OPTS="--output $PWD/$results ${LIT_OPTS:-}" \
  cmake --build --preset $preset --target check-quench || status=$?
echo "tested in $((SECONDS - start)) s"

# The counts are lit's own; a run without a result file has failed.
python3 - "$results" "$status" <<'PYTHON'
import collections, json, sys

try:
    tests = json.load(open(sys.argv[1]))["tests"]
except OSError:
    sys.exit("error: the tests did not run")
codes = collections.Counter(t["code"] for t in tests)
passed = codes["PASS"] + codes["XFAIL"]
skipped = codes["UNSUPPORTED"] + codes["SKIPPED"]
failed = len(tests) - passed - skipped
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(0 if sys.argv[2] == "0" and not failed and passed else 1)
PYTHON
