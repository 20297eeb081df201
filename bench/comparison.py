"""Figures of two engines side by side, from rounds measured in turn.

Times on a shared machine move; the ratios of rounds measured next to each other say something.
"""

import math
import statistics

Row = dict[str, float]
"""Figures by name. Less is better where the name says ``ms``, ``bytes`` or ``messages``."""


def report(ours: list[Row], reference: list[Row], limit: list[Row]) -> None:
    """Medians, and the ratio of each round: above 1 it is in our favour."""
    print(f"\n{'median':<34}{'ours':>10}{'reference':>12}{'ratio':>9}   ratio per round")
    for name in ours[0]:
        # What an engine does not have is left out of its rows.
        mine, theirs = ([row[name] for row in rows if name in row] for rows in (ours, reference))
        figures = f"{name:<34}{statistics.median(mine):>10.1f}"
        if not theirs:
            print(f"{figures}{'none':>12}")
            continue
        less_is_better = name.endswith("ms") or name.startswith(("bytes", "messages"))
        more, less = (theirs, mine) if less_is_better else (mine, theirs)
        ratios = [a / b if b else math.nan for a, b in zip(more, less, strict=True)]
        spread = " ".join(f"{ratio:.1f}" for ratio in ratios)
        print(f"{figures}{statistics.median(theirs):>12.1f}{statistics.median(ratios):>8.1f}x   {spread}")
    for name in limit[0]:
        print(f"{'limit: ' + name:<34}{statistics.median(row[name] for row in limit):>10.0f}")
