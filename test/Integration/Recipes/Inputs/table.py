#!/usr/bin/env python3
"""Runs recipes on models and compares what they rewrite with table.json.

usage: table.py QUENCH MODELS FOLDER [--update] NAME...

For every recipe that is for such a model, `sites` of the table is the least
number of sites that each pass must rewrite, and `refusals` are the reasons why
it leaves others alone. Outputs before and after must agree to 1e-10 in f64.
Statistics are collected from the model, what is learned is made up (learned.py).
--update writes what is found into the table.
"""

import json
import pathlib
import re
import subprocess
import sys

import learned

TABLE = pathlib.Path(__file__).parent / "table.json"
# What each needs, and the type of models that it is for, if not all.
RECIPES = {
    "fold-norms": (None, None),
    "smoothquant": ("stats", None),
    "awq-scale": ("stats", None),
    "repq": ("stats", None),
    "quarot": (None, None),
    "rsq-rotate": (None, None),
    "spinquant": ("learned", None),
    "ostquant": ("learned", None),
    "mambaquant": ("folded", "mamba"),
    "mambaquant{pair=klt}": ("folded", "mamba"),
}
SCOPES = {"stats": "stats", "folded": "stats", "learned": "learned"}
NUMBER = re.compile(r"'[^']*'|\d+")
REMARK = re.compile(
    r"^--- !(\w+)\nPass: +quench-([\w-]+)\n(?:.*\n)*?  - Remark: +'(.*)'$",
    re.MULTILINE)
EQUAL = re.compile(r"^(?:.*\.\S+ +(\S+)|(equal|not equal.*))$", re.MULTILINE)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(map(str, command))}\n{done.stdout[-2000:]}"
                 f"{done.stderr[-2000:]}")
    return done.stdout


class Model:
    """A checkpoint, and what recipes make of it."""

    def __init__(self, quench, models, path, folder):
        self.quench, self.models = quench, models
        self.path, self.folder = path, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config = json.loads((path / "config.json").read_text())
        self.made = {}

    def get(self, what):
        """The archive that a recipe needs."""
        if what not in self.made:
            file = self.folder / f"{what}.safetensors"
            self.made[what] = file
            if what == "learned":
                width = self.config.get("hidden_size") or self.config["n_embd"]
                learned.make(self.get("stats"), width, file)
            else:
                data = self.path / "b3-t17.safetensors"
                if not data.exists():
                    data = self.models / "minilm" / "sentences.txt"
                recipe = ["--recipe", "fold-norms"] if what == "folded" else []
                run(self.quench, "calibrate", self.path, "--data", data, "--gram",
                    "--limit", "3", "-o", file, "--force", *recipe)
        return self.made[what]

    def rewrite(self, recipe, needs):
        """What the passes of a recipe say."""
        output = self.folder / f"{recipe}.mlir"
        remarks = self.folder / f"{recipe}.yaml"
        command = [self.quench, "build", self.path, "-o", output, "--force",
                   "--stop-after", "transform", "--recipe", recipe,
                   "--remarks", remarks]
        if needs:
            command += ["--param", f"{SCOPES[needs]}={self.get(needs)}"]
        run(*command)
        row = {"sites": {}, "refusals": {}}
        for kind, name, text in REMARK.findall(remarks.read_text()):
            if kind == "Passed":
                row["sites"][name] = row["sites"].get(name, 0) + 1
            if kind == "Missed":
                reason = text.replace("''", "'").split(": ", 1)[1]
                reason = f"{name}: {NUMBER.sub('N', reason)}"
                row["refusals"][reason] = row["refusals"].get(reason, 0) + 1
        row["refusals"] = dict(sorted(row["refusals"].items()))
        return output, row

    def compare(self, outputs):
        """The largest error of each model that recipes gave."""
        plain = self.folder / "plain.mlir"
        run(self.quench, "import", self.path, "-o", plain, "--force")
        done = subprocess.run(
            [self.quench, "check-equivalence", plain, *outputs],
            capture_output=True, text=True)
        errors, verdicts = [[]], []
        for error, verdict in EQUAL.findall(done.stdout):
            if verdict:
                errors.append([])
                verdicts.append(verdict)
            else:
                errors[-1].append(float(error))
        if len(verdicts) != len(outputs):
            sys.exit(f"error: {done.stdout}{done.stderr}")
        return [(max(found), verdict) for found, verdict in zip(errors, verdicts)]


def differences(row, expected):
    """What is worse than expected, in words."""
    for step, count in expected["sites"].items():
        found = row["sites"].get(step, 0)
        if found < count:
            yield f"{step} rewrote {found} sites, expected {count}"
    if row["refusals"] != expected["refusals"]:
        yield (f"refusals are {json.dumps(row['refusals'], indent=1)}\n"
               f"expected {json.dumps(expected['refusals'], indent=1)}")


def main():
    quench, models, folder, *names = sys.argv[1:]
    update = "--update" in names
    table = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    failed = False
    for name in names:
        if name == "--update":
            continue
        # A path outside of the models of the tests stands for itself.
        path = pathlib.Path(models) / name
        model = Model(quench, pathlib.Path(models), path,
                      pathlib.Path(folder) / path.name)
        kind = model.config["model_type"]
        rows = {}
        for recipe, (needs, only) in RECIPES.items():
            if only in (None, kind):
                rows[recipe] = model.rewrite(recipe, needs)
        errors = model.compare([output for output, _ in rows.values()])
        expected = table.get(path.name, {})
        for (recipe, (_, row)), (error, verdict) in zip(rows.items(), errors):
            print(f"{path.name} {recipe}: {sum(row['sites'].values())} sites, "
                  f"{sum(row['refusals'].values())} refusals, {verdict}, {error:.1e}")
            worse = [] if verdict == "equal" else [verdict]
            if not update:
                worse += differences(row, expected.get(recipe, {"sites": {}, "refusals": {}}))
            for text in worse:
                failed = True
                print(f"error: {text}")
        if not update and rows.keys() != expected.keys():
            failed = True
            print(f"error: the table has the recipes {list(expected)} of {path.name}")
        table[path.name] = {recipe: row for recipe, (_, row) in rows.items()}
    if update:
        TABLE.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
