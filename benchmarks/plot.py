"""The picture of the README: items per second of each loader, and of headrace by the calls in flight. The same results give the same file.

Usage: python plot.py RESULTS SVG, with the Python that has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

OURS, THEIRS, BOUND = "#1f6feb", "#9aa4b2", "#d5dae1"


def thousands(value: float, _: object = None) -> str:
    """1500 as 1.5 k."""
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"


def bars(axes: Any, document: dict[str, Any]) -> None:
    """One bar for each loader, by processor time, which other programs on the machine disturb least."""
    rows = sorted((row for row in document["contestants"] if "items_cpu_s" in row), key=lambda row: float(row["items_cpu_s"]["median"]))
    names = [row["title"].replace("`", "") for row in rows]
    medians = [row["items_cpu_s"]["median"] for row in rows]
    reach = [
        [row["items_cpu_s"]["median"] - row["items_cpu_s"]["min"] for row in rows],
        [row["items_cpu_s"]["max"] - row["items_cpu_s"]["median"] for row in rows],
    ]
    colours = [OURS if row["name"].startswith("headrace") else BOUND if "bound" in row["title"] else THEIRS for row in rows]
    axes.barh(names, medians, xerr=reach, color=colours, error_kw={"elinewidth": 1, "ecolor": "#444"})
    for at, row in enumerate(rows):
        axes.text(row["items_cpu_s"]["max"] * 1.08, at, thousands(round(medians[at], -2)), va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(right=max(medians) * 2.2)
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.set_title("Items per second of processor time (log)", fontsize=10)
    axes.tick_params(labelsize=8)


def curve(axes: Any, latency: dict[str, Any]) -> None:
    """Items per second by calls in flight, measured and by Little's law."""
    rows = [row for row in latency["rows"] if row["senders"]]
    senders = [row["senders"] for row in rows]
    held_s = sorted(row["held_ms"] for row in rows)[len(rows) // 2] / 1000
    axes.plot(senders, [each * latency["batch"] / held_s for each in senders], "--", color=THEIRS, label=f"Little's law at {1000 * held_s:.1f} ms")
    axes.plot(senders, [row["items_s"]["median"] for row in rows], "o-", color=OURS, label="headrace, measured")
    axes.axhline(latency["goal_items_s"], color="#444", linewidth=0.8)
    axes.text(senders[0], latency["goal_items_s"] * 1.06, thousands(latency["goal_items_s"]), fontsize=8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(senders, [str(each) for each in senders])
    axes.yaxis.set_major_formatter(FuncFormatter(thousands))
    low, high = latency["delay_ms"]
    axes.set_title(f"Items/s when each answer takes {low:g}–{high:g} ms", fontsize=10)
    axes.set_xlabel("calls in flight", fontsize=8)
    axes.tick_params(labelsize=8, which="both")
    axes.legend(fontsize=8, frameon=False)


def main(results: Path, picture: Path) -> None:
    """Draw ``results`` into ``picture``."""
    document = json.loads(results.read_text(encoding="utf-8"))
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "headrace", "font.family": "sans-serif"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), width_ratios=[3, 2])
    bars(left, document)
    curve(right, document["latency"])
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(picture, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
