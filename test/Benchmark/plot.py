#!/usr/bin/env python3
"""Plots tables of speed: a bar for each ratio to the best peer, with its spread.

Usage: plot.py TABLES.md... -o FILE.svg

Takes every row of every markdown table that has a column `speed, best peer = 1`
with a figure as `median (least..most)`. Bars are grouped by the heading or, where
there is none, the file that the table is in, and called by the cells before the
first time. models.py and linear.py plot what they print with --plot.
"""

import argparse
import dataclasses
import pathlib
import re
import statistics

SPEED = "speed, best peer = 1"
FIGURE = re.compile(r"([0-9.]+)(?: \(([0-9.]+)\.\.([0-9.]+)\))?$")

# Seen as well on white as on black.
TEXT, GRID, FASTER, SLOWER = "#7d8590", "#7d859050", "#74aaf5", "#e3a057"


@dataclasses.dataclass
class Bar:
    group: str
    label: str
    median: float
    least: float
    most: float

    @staticmethod
    def of(group, label, ratios):
        """The bar of the ratios of all rounds."""
        return Bar(group, label, statistics.median(ratios), min(ratios), max(ratios))


def _cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read(path):
    """The bars of the tables of a file."""
    group, header, bars = pathlib.Path(path).stem, None, []
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith("#"):
            group = line.lstrip("# ")
        if not line.startswith("|"):
            header = None
            continue
        cells = _cells(line)
        if header is None:
            header = cells
        if SPEED not in header or len(cells) != len(header):
            continue
        figure = FIGURE.match(cells[header.index(SPEED)])
        if not figure:
            continue
        median, least, most = (float(text or figure[1]) for text in figure.groups())
        label = []
        for name, cell in zip(header, cells):
            if re.search(r"\b(ms|us)$", name):
                break
            label.append(f"{name} {cell}" if cell.isdigit() else cell)
        bars.append(Bar(group, ", ".join(filter(None, label)), median, least, most))
    return bars


def write(path, bars):
    """Writes the plot, equal for equal bars."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "plot",
            "font.family": "sans-serif",
            "font.size": 9,
            "text.color": TEXT,
            "xtick.color": TEXT,
            "ytick.color": TEXT,
        }
    )
    # From top to bottom: the name of a group, its bars, a gap.
    places, ticks, titles, place, group = [], [], [], 0.0, None
    for bar in bars:
        if bar.group != group:
            place += 1.6 if group is not None else 0.6
            titles.append((place - 0.9, bar.group))
            group = bar.group
        places.append(place)
        ticks.append(bar.label)
        place += 1
    figure, axes = pyplot.subplots(figsize=(8.5, 0.5 + 0.26 * (place + 0.6)), layout="constrained")
    # Text stays text, which other fonts make wider.
    figure.get_layout_engine().set(w_pad=0.25)
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    medians = [bar.median for bar in bars]
    errors = [[b.median - b.least for b in bars], [b.most - b.median for b in bars]]
    axes.barh(
        places,
        medians,
        height=0.66,
        color=[FASTER if median >= 1 else SLOWER for median in medians],
        xerr=errors,
        error_kw={"ecolor": TEXT, "elinewidth": 1.2, "capsize": 2.5},
    )
    for bar_place in places:
        axes.vlines(1, bar_place - 0.5, bar_place + 0.5, color=TEXT, linewidth=1.2)
    end = max(bar.most for bar in bars)
    for bar_place, bar in zip(places, bars):
        axes.text(bar.most + 0.012 * end, bar_place, f"{bar.median:.2f}", va="center")
    for title_place, title in titles:
        axes.text(0, title_place, title, va="center", weight="bold")
    axes.set_yticks(places, ticks)
    axes.set_xlim(0, 1.08 * end)
    axes.set_ylim(place - 0.4, -0.9)
    axes.set_xlabel("speed, best peer = 1 (median, least to most)", color=TEXT)
    axes.tick_params(length=0)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", help="markdown files")
    parser.add_argument("-o", "--output", required=True, help="the SVG file")
    arguments = parser.parse_args()
    bars = [bar for path in arguments.tables for bar in read(path)]
    if not bars:
        parser.error(f"no row with a figure under '{SPEED}' in {', '.join(arguments.tables)}")
    write(arguments.output, bars)


if __name__ == "__main__":
    main()
