#!/usr/bin/env python3
# ===- accuracy.py - What quantization costs, and what recipes save --------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Measures the trained models of test/Models and all-MiniLM-L6-v2 in floats and
by schemes, with every recipe and weight method, and prints the tables of
docs/performance.md.

    accuracy.py [--quench build/bin/quench] [--folder build/accuracy]
                [--models NAME,...] [--schemes NAME,...] [--seeds 0,1,2]
                [--heldout all|chosen|naive] [--print]

Statistics are taken of CALIBRATION examples that a seed draws from most of the
calibration data. The rest of it, which no statistics see, chooses: of all
candidates the one that loses least there with the first seed. Held-out data is
scored once, and decides nothing. MiniLM takes part where
tools/fetch-minilm.sh has fetched it.

Every figure is kept in FOLDER/results.json as soon as it is there; the same
command goes on where it was. Remove the folder when the compiler changed. Needs
numpy."""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys

import numpy as np

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODELS = os.path.join(TESTS, "Models")
sys.path.insert(0, MODELS)
import tensorfile  # noqa: E402

SCHEMES = ["W4A4", "W8A8", "W4A8", "W4A16", "W6A6"]
LENGTH = 128
CALIBRATION = 128
SELECTION_WINDOWS = 128
SELECTION_IMAGES = 96
SELECTION_SENTENCES = 48
HELDOUT_SENTENCES = 200
MINILM = os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
    "quench", "all-MiniLM-L6-v2")


class Kind:
    """What models of one kind are measured by."""

    def __init__(self, metric, title, float_value, limit, options, sign=1):
        self.metric, self.title = metric, title
        # None: it is measured, too.
        self.float_value = float_value
        # What W8A8 may lose.
        self.limit = limit
        self.options = options
        # Loss is sign * figure and a constant.
        self.sign = sign


TEXT = Kind("bits_per_byte", "bits/byte", None, 0.01,
            ["--length", str(LENGTH), "--batch", "32"])
IMAGES = Kind("kl", "logit KL", 0.0, 0.01, ["--batch", "64"])
SENTENCES = Kind("cosine.sentence_embedding", "cosine", 1.0, 0.01, [], -1)

KINDS = {"vit-digits": IMAGES, "vit-out-digits": IMAGES,
         "llama-bytes": TEXT, "llama-out-bytes": TEXT,
         "mamba-bytes": TEXT, "mamba-out-bytes": TEXT, "MiniLM": SENTENCES}


class Candidate:
    """A recipe, or none, and who chooses the codes of weights."""

    def __init__(self, recipe, method="rtn", needs=None, only=None,
                 brings_formats=False):
        self.recipe, self.method = recipe, method
        # The recipe with which the statistics of the recipe are taken; "":
        # of the model as it is; None: it needs none.
        self.needs = needs
        self.only = only
        # Formats are those of the recipe, for as many BITS as the scheme has for
        # weights and activations alike, and so is the method unless one is named.
        self.brings_formats = brings_formats
        self.name = (f"{recipe} + {method}" if recipe and method != "rtn"
                     else recipe or method)
        self.uses_gram = method.split("{")[0] in ("awq-clip", "gptq", "rsq")
        # Whether figures differ from seed to seed.
        self.is_seeded = (self.uses_gram or needs is not None or brings_formats
                          or "SEED" in (recipe or ""))
        self.name = re.sub(r"{[^}]*(SEED|BITS)}", "", self.name)

    def is_for(self, model, scheme):
        if self.brings_formats and not self.get_bits(scheme):
            return False
        return self.only is None or any(word in model for word in self.only)

    @staticmethod
    def get_bits(scheme):
        """The bits of weights and activations, where they are the same."""
        bits = re.fullmatch(r"W(\d)A(\d)", scheme)
        return bits[1] if bits and bits[1] == bits[2] else None

    def get_recipe(self, scheme, seed):
        return self.recipe.replace("SEED", str(seed)).replace(
            "BITS", self.get_bits(scheme) or "")


NAIVE = Candidate(None)
CANDIDATES = [
    NAIVE,
    Candidate(None, "mse"),
    Candidate(None, "quest"),
    Candidate(None, "awq-clip"),
    Candidate(None, "gptq"),
    Candidate("smoothquant", needs=""),
    Candidate("repq", needs=""),
    Candidate("awq-scale", needs=""),
    Candidate("quarot{seed=SEED}"),
    Candidate("mambaquant", needs="fold-norms", only=["mamba"]),
    Candidate("smoothquant", "gptq", needs=""),
    Candidate("quarot{seed=SEED}", "gptq"),
    Candidate("rsq-rotate{seed=SEED}", "rsq", only=["llama", "vit", "MiniLM"]),
    Candidate("mambaquant", "gptq", needs="fold-norms", only=["mamba"]),
    *(Candidate(recipe, only=["vit"], brings_formats=True) for recipe in
      ("repq-vit{bits=BITS}", "repquant{bits=BITS}", "dopq-vit{bits=BITS}",
       "noisyquant{bits=BITS seed=SEED}", "fq-vit{bits=BITS}",
       "adalog{bits=BITS}", "ptq4vit{bits=BITS}")),
    Candidate("repq-vit{bits=BITS}", "gptq{bias=mean}", only=["vit"],
              brings_formats=True),
]


# -- Data ----------------------------------------------------------------------


def split_sentences(path, count):
    """The rule for sentences: text is cut after . ! or ? before white space, and
    at empty lines; white space becomes one blank; what has 40 to 200 characters,
    begins with a capital letter and ends in . ! ? or : stays, once; `count` of
    these at equal distances are taken."""
    with open(path, "rb") as stream:
        text = stream.read().decode("ascii", "ignore")
    found = {}
    for piece in re.split(r"(?<=[.!?])\s+|\n\s*\n", text):
        sentence = " ".join(piece.split())
        if re.fullmatch(r"[A-Z].{38,198}[.!?:]", sentence):
            found[sentence] = True
    sentences = list(found)
    assert len(sentences) >= count, (path, len(sentences))
    return [sentences[i * len(sentences) // count] for i in range(count)]


def write_text(path, lines):
    with open(path, "w") as stream:
        stream.write("\n".join(lines) + "\n")


def make_data(folder, kind, seeds):
    """Paths of data by name: heldout, select, and calib0 and so on."""
    heldout = os.path.join(MODELS, "data", "text-heldout.bin")
    calibration = os.path.join(MODELS, "data", "text-calib.bin")
    name = {id(TEXT): "text", id(IMAGES): "images", id(SENTENCES): "lines"}[id(kind)]
    suffix = {"text": "bin", "images": "safetensors", "lines": "txt"}[name]
    paths = {what: os.path.join(folder, f"{name}-{what}.{suffix}")
             for what in ["heldout", "select", *(f"calib{s}" for s in seeds)]}
    draw = lambda seed, count: sorted(random.Random(seed).sample(
        range(count), min(count, CALIBRATION)))
    if kind is TEXT:
        paths["heldout"] = heldout
        windows = np.fromfile(calibration, np.uint8).reshape(-1, LENGTH)
        pool = windows[:-SELECTION_WINDOWS]
        windows[-SELECTION_WINDOWS:].tofile(paths["select"])
        for seed in seeds:
            pool[draw(seed, len(pool))].tofile(paths[f"calib{seed}"])
    elif kind is IMAGES:
        paths["heldout"] = os.path.join(MODELS, "data", "digits-test.safetensors")
        tensors, _ = tensorfile.load(
            os.path.join(MODELS, "data", "digits-calib.safetensors"))
        count = next(iter(tensors.values())).shape[0]
        pool = count - SELECTION_IMAGES
        chosen = {"select": range(pool, count)}
        chosen.update({f"calib{seed}": draw(seed, pool) for seed in seeds})
        for what, rows in chosen.items():
            taken = {}
            for key, tensor in tensors.items():
                size = len(tensor.data) // count
                taken[key] = tensorfile.Tensor(
                    tensor.dtype, [len(rows), *tensor.shape[1:]],
                    b"".join(tensor.data[r * size:(r + 1) * size] for r in rows))
            tensorfile.save(paths[what], taken)
    else:
        write_text(paths["heldout"], split_sentences(heldout, HELDOUT_SENTENCES))
        lines = split_sentences(calibration, 600)
        write_text(paths["select"], lines[-SELECTION_SENTENCES:])
        pool = lines[:-SELECTION_SENTENCES]
        for seed in seeds:
            write_text(paths[f"calib{seed}"],
                       [pool[i] for i in draw(seed, len(pool))])
    return paths


# -- Figures -------------------------------------------------------------------


class Refused(Exception):
    """A combination that the compiler does not make."""


class Bench:

    def __init__(self, options):
        self.options, self.folder = options, options.folder
        os.makedirs(self.folder, exist_ok=True)
        self.results_path = os.path.join(self.folder, "results.json")
        self.results = {}
        if os.path.exists(self.results_path):
            with open(self.results_path) as stream:
                self.results = json.load(stream)
        self.data = {}
        for model in options.models:
            kind = KINDS[model]
            if id(kind) not in self.data:
                self.data[id(kind)] = make_data(self.folder, kind, options.seeds)

    def path(self, model):
        return MINILM if model == "MiniLM" else os.path.join(MODELS, model)

    def quench(self, *arguments):
        command = [self.options.quench, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Refused(f"{' '.join(command)}\n{done.stderr.strip()[-500:]}")
        return done.stdout

    def calibrate(self, model, source, label, seed, *options):
        """Statistics of `source`, a model that `label` tells from others."""
        path = os.path.join(self.folder, f"{model}-{label}-{seed}.stats.safetensors")
        if not os.path.exists(path):
            weights = [] if "mamba" in model else ["--gram-weights", "linear"]
            self.quench("calibrate", source, "--data",
                        self.data[id(KINDS[model])][f"calib{seed}"],
                        "--length", str(LENGTH), "--gram", *weights, "--threads",
                        str(self.options.threads), *options, "-o", path)
        return path

    def rewrite(self, model, candidate, seed):
        """The model that the recipe of `candidate` makes, with its weights."""
        recipe = candidate.recipe.replace("SEED", str(seed))
        label = re.sub(r"\W+", "-", candidate.recipe).strip("-")
        path = os.path.join(self.folder, f"{model}-{label}-{seed}.mlir")
        if not os.path.exists(path):
            options = []
            if candidate.needs is not None:
                first = ["--recipe", candidate.needs] if candidate.needs else []
                options = ["--param", "stats=" + self.calibrate(
                    model, self.path(model), candidate.needs or "plain", seed, *first)]
            self.quench("materialize", self.path(model), "--recipe", recipe, *options,
                        "-o", path, "--force")
        return path, label

    @staticmethod
    def get_key(model, scheme, candidate, seed, what):
        return f"{model}/{scheme}/{candidate.name if scheme else ''}/{seed}/{what}"

    def score(self, model, scheme, candidate, seed, what):
        """The metrics of `model` on the data `what`; None: it was refused."""
        key = self.get_key(model, scheme, candidate, seed, what)
        if key in self.results or self.options.print:
            return self.results.get(key)
        kind, source = KINDS[model], self.path(model)
        try:
            options = []
            label = "plain"
            brings_formats = scheme and candidate.brings_formats
            if brings_formats:
                options = ["--recipe", candidate.get_recipe(scheme, seed), "--calib",
                           self.data[id(kind)][f"calib{seed}"], "--calib-limit", "0",
                           "--calib-length", str(LENGTH)]
                if candidate.method != "rtn":
                    options += ["--weight-method", candidate.method]
            elif scheme and candidate.recipe:
                source, label = self.rewrite(model, candidate, seed)
            if scheme and not brings_formats:
                options = ["--scheme", scheme, "--weight-method", candidate.method]
                if candidate.uses_gram:
                    options += ["--param", "stats=" + self.calibrate(
                        model, source, label, seed)]
            if kind is not TEXT:
                options += ["--reference", self.path(model)]
            found = json.loads(self.quench(
                "eval", source, "--data", self.data[id(kind)][what],
                *kind.options, *options, "--threads", str(self.options.threads),
                "--json", "-"))["metrics"]
        except Refused as reason:
            print(f"refused: {key}\n{reason}", file=sys.stderr, flush=True)
            found = None
        self.results[key] = found
        temporary = self.results_path + ".partial"
        with open(temporary, "w") as stream:
            json.dump(self.results, stream, indent=1)
        os.replace(temporary, self.results_path)
        return found

    def scores(self, model, scheme, candidate, what):
        """The metrics for each seed that makes a difference; one seed chooses."""
        seeds = self.options.seeds
        if what == "select" or not candidate.is_seeded:
            seeds = seeds[:1]
        if self.options.print:
            # Those that have been measured.
            seeds = [seed for seed in seeds if self.get_key(
                model, scheme, candidate, seed, what) in self.results]
        found = [self.score(model, scheme, candidate, seed, what) for seed in seeds]
        return [] if None in found else found

    def figures(self, model, scheme, candidate, what):
        metric = KINDS[model].metric
        return [one[metric] for one in self.scores(model, scheme, candidate, what)]

    def choose(self, model, scheme):
        """The candidate that is best on the selection data."""
        sign, best = KINDS[model].sign, None
        for candidate in CANDIDATES:
            if not candidate.is_for(model, scheme):
                continue
            figures = self.figures(model, scheme, candidate, "select")
            if not figures:
                continue
            if best is None or sign * figures[0] < best[0]:
                best = sign * figures[0], candidate
        return best[1] if best else None

    def float_figure(self, model):
        kind = KINDS[model]
        if kind.float_value is not None:
            return kind.float_value
        found = self.score(model, "", NAIVE, "-", "heldout")
        return found and found[kind.metric]


# -- Tables --------------------------------------------------------------------


def cell(bench, model, scheme, candidate, what):
    """The median, and in brackets least and most; of images also how many of
    those held out are named right."""
    kind = KINDS[model]
    if not candidate.is_for(model, scheme):
        return ""
    scores = bench.scores(model, scheme, candidate, what)
    figures = [one[kind.metric] for one in scores]
    if not figures:
        return ""
    text = f"{statistics.median(figures):.4f}"
    if len(figures) > 1:
        text += f" ({min(figures):.4f}..{max(figures):.4f})"
    if kind is IMAGES and what == "heldout":
        right = sorted({round(360 * one["accuracy"]) for one in scores})
        text += f"; {right[0]}" + (f"..{right[-1]}" if len(right) > 1 else "")
    return text


def judge(model, scheme, base, naive, figures):
    """What the worst seed recovers of what rounding to nearest loses, and whether
    that is as expected: W8A8 loses less than the limit, and W4A4 of the outlier
    models recovers 85 %."""
    kind = KINDS[model]
    losses = [kind.sign * (figure - base) for figure in figures]
    lost, worst = kind.sign * (naive - base), max(losses)
    recovered = f"{100 * (1 - worst / lost):.0f} %" if lost > 0 else ""
    verdict = ""
    if scheme == "W8A8":
        verdict = "yes" if worst <= kind.limit else f"no: {worst:.4f}"
    elif scheme == "W4A4" and "-out-" in model:
        verdict = "yes" if worst <= 0.15 * lost else "no"
    return recovered, verdict


def print_tables(bench):
    print("| model, unit | float | scheme | naive | chosen | figure of that | "
          "worst seed recovers | as expected |")
    print("|---" * 8 + "|")
    for model in bench.options.models:
        kind, base = KINDS[model], bench.float_figure(model)
        for scheme in bench.options.schemes:
            naive = bench.figures(model, scheme, NAIVE, "heldout")
            if not naive or base is None:
                continue
            columns = [f"{model}, {kind.title}", f"{base:.4f}", scheme,
                       cell(bench, model, scheme, NAIVE, "heldout")]
            chosen = bench.choose(model, scheme)
            figures = chosen and bench.figures(model, scheme, chosen, "heldout")
            if figures:
                columns += [chosen.name, cell(bench, model, scheme, chosen, "heldout"),
                            *judge(model, scheme, base, naive[0], figures)]
            else:
                # Nothing was chosen; W8A8 may be as expected without.
                verdict = judge(model, scheme, base, naive[0], naive)[1]
                columns += ["", "", "", verdict if scheme == "W8A8" else ""]
            print("| " + " | ".join(columns) + " |")
    for what in "heldout", "select":
        for scheme in bench.options.schemes:
            print_candidates(bench, scheme, what)


def print_candidates(bench, scheme, what):
    """A row for each candidate, a column for each model."""
    models, rows = bench.options.models, []
    for candidate in CANDIDATES:
        cells = [cell(bench, model, scheme, candidate, what) for model in models]
        if any(cells):
            rows.append(f"| {candidate.name} | " + " | ".join(cells) + " |")
    if rows:
        print(f"\n{scheme}, {what}:\n")
        print("| | " + " | ".join(models) + " |")
        print("|---" * (len(models) + 1) + "|")
        print("\n".join(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quench", default="build/bin/quench")
    parser.add_argument("--folder", default="build/accuracy")
    parser.add_argument("--models", default="")
    parser.add_argument("--schemes", default=",".join(SCHEMES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--heldout", choices=["all", "chosen", "naive"],
                        default="all",
                        help="score every candidate on held-out data, those that "
                             "were chosen, or rounding to nearest and nothing else")
    parser.add_argument("--print", action="store_true",
                        help="print what was measured, measure nothing")
    options = parser.parse_args()
    options.models = options.models.split(",") if options.models else [
        model for model in KINDS if model != "MiniLM" or os.path.exists(MINILM)]
    options.schemes = options.schemes.split(",")
    options.seeds = [int(seed) for seed in options.seeds.split(",")]
    bench = Bench(options)
    if not options.print:
        # What there is to say first comes first.
        for model in options.models:
            bench.float_figure(model)
            for scheme in options.schemes:
                bench.figures(model, scheme, NAIVE, "heldout")
        for scheme in options.schemes if options.heldout != "naive" else []:
            for model in options.models:
                chosen = bench.choose(model, scheme)
                if chosen:
                    bench.figures(model, scheme, chosen, "heldout")
        if options.heldout == "all":
            for scheme in options.schemes:
                for model in options.models:
                    for candidate in CANDIDATES:
                        if candidate.is_for(model, scheme):
                            bench.figures(model, scheme, candidate, "heldout")
    options.print = True
    print_tables(bench)


if __name__ == "__main__":
    main()
