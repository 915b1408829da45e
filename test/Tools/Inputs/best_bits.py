"""best_bits.py FILE AVERAGE: whether what quench assign-bits wrote as JSON is best.

All combinations of the widths that were measured are tried.
"""

import itertools
import json
import math
import sys

with open(sys.argv[1]) as stream:
    report = json.load(stream)
average = float(sys.argv[2])
groups = report["groups"]
elements = sum(group["elements"] for group in groups)

points = []
for widths in itertools.product(*(group["widths"] for group in groups)):
    bits = sum(group["elements"] * width["bits"] for group, width in zip(groups, widths))
    points.append(
        (
            bits / elements,
            sum(
                group.get("relevance", 1) * width["error"]
                for group, width in zip(groups, widths)
            ),
            sum(width["bytes"] for width in widths),
            [width["bits"] for width in widths],
        )
    )
points.sort(key=lambda point: point[:2])

best = min((point for point in points if point[0] <= average), key=lambda point: point[1])
chosen = [group["chosen"] for group in groups]
if best[3] != chosen:
    sys.exit(f"found {chosen}, expected {best[3]}")
print("the chosen widths are the best of", len(points))

curve = []
for point in points:
    if not curve or point[1] < curve[-1][1]:
        curve.append(point)
found = report["curve"]
if len(found) != len(curve):
    sys.exit(f"found {len(found)} points, expected {len(curve)}")
for point, expected in zip(found, curve):
    if point["bytes"] != expected[2] or not all(
        math.isclose(point[key], value, rel_tol=1e-12)
        for key, value in zip(("average", "error"), expected)
    ):
        sys.exit(f"found {point}, expected {expected}")
if found[report["chosen"]]["bytes"] != best[2]:
    sys.exit("the chosen point is another one")
print("the curve is that of all combinations")
