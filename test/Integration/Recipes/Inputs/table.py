#!/usr/bin/env python3
"""Runs recipes on a model and compares what they rewrite with table.json.

usage: table.py QUENCH MODELS FOLDER NAME [--update]

For every recipe, `sites` of the table is the least number of sites that each
pass must rewrite, and `refusals` are the reasons why it leaves others alone.
Outputs before and after must agree to 1e-10 in f64 (--verify-equivalence).
--update writes what is found into the table.
"""

import json
import pathlib
import re
import subprocess
import sys

TABLE = pathlib.Path(__file__).parent / "table.json"
RECIPES = ["quarot", "rsq-rotate"]
NUMBER = re.compile(r"'[^']*'|\d+")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def find(quench, model, folder, recipe):
    certificates = folder / f"{recipe}.json"
    command = [quench, "build", model, "-o", folder / f"{recipe}.mlir", "--force", "--stop-after", "transform"]
    command += ["--recipe", recipe, "--verify-equivalence", "--certificates", certificates]
    run(*command)
    row = {"sites": {}, "refusals": {}}
    worst = 0
    for entry in json.loads(certificates.read_text())["passes"]:
        name = entry["pass"].partition("{")[0].removeprefix("quench-")
        row["sites"][name] = row["sites"].get(name, 0) + len(entry["sites"])
        worst = max(worst, entry["error"] or 0)
        for refusal in entry["refusals"]:
            reason = f"{name}: {NUMBER.sub('N', refusal['reason'])} ({refusal['op']})"
            row["refusals"][reason] = row["refusals"].get(reason, 0) + 1
    row["refusals"] = dict(sorted(row["refusals"].items()))
    return row, worst


def main():
    quench, models, folder, name = sys.argv[1:5]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # A path outside of the models of the tests stands for itself.
    model = pathlib.Path(models) / name
    name = model.name
    found, failed = {}, False
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    for recipe in RECIPES:
        row, worst = find(quench, model, folder, recipe)
        found[recipe] = row
        print(f"{name} {recipe}: {sum(row['sites'].values())} sites, "
              f"{sum(row['refusals'].values())} refusals, error {worst:.1e}")
        if worst > 1e-10:
            failed = True
            print("error: outputs differ")
        expected = table.get(name, {}).get(recipe, {"sites": {}, "refusals": {}})
        if "--update" in sys.argv:
            continue
        for step, count in expected["sites"].items():
            if row["sites"].get(step, 0) < count:
                failed = True
                print(f"error: {step} rewrote {row['sites'].get(step, 0)} sites, expected {count}")
        if row["refusals"] != expected["refusals"]:
            failed = True
            print(f"error: refusals are {json.dumps(row['refusals'], indent=1)}\n"
                  f"expected {json.dumps(expected['refusals'], indent=1)}")
    if "--update" in sys.argv:
        table[name] = found
        TABLE.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
