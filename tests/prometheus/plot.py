#!/usr/bin/env python3
"""Draws the panels of the dashboard from what the program `dashboard` has left, one SVG for each row, into docs/dashboard/."""

import io
import json
import math
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

FOLDER = Path(__file__).parents[2] / "docs/dashboard"
COLUMNS = 3
# Curves of a panel, the highest first, and those of them that the legend names: more says less.
DRAWN_AT_MOST = 16
SHOWN = 8
WORDS = 36


def main() -> None:
    run = json.loads(Path(sys.argv[1]).read_text())
    plt.rcParams.update(
        {
            "svg.hashsalt": "sandbus",
            "svg.fonttype": "none",
            "font.size": 7,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e5e5e5",
            "axes.axisbelow": True,
            "legend.frameon": False,
        }
    )
    FOLDER.mkdir(exist_ok=True)
    rows = {}
    for panel in run["panels"]:
        rows.setdefault(panel["row"], []).append(panel)
    for title, panels in rows.items():
        lines = math.ceil(len(panels) / COLUMNS)
        figure, axes = plt.subplots(lines, COLUMNS, figsize=(11, 2.5 * lines), layout="constrained", squeeze=False)
        for axis, panel in zip(axes.flat, panels):
            DRAWN.get(panel["type"], curves)(axis, panel, run["seconds"])
            axis.set_title(panel["title"], loc="left", fontsize=8)
        for axis in axes.flat[len(panels) :]:
            axis.axis("off")
        name = title.lower().replace(" ", "-")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        # A tenth of a point is more than anybody sees, and half the file.
        (FOLDER / f"{name}.svg").write_text(re.sub(r"(\d\.\d)\d+", r"\1", text.getvalue()))
        plt.close(figure)


def curves(axis, panel: dict, seconds: float) -> None:
    ordered = sorted(panel["curves"], key=lambda curve: -max((value for _, value in curve["points"]), default=0))
    for number, curve in enumerate(ordered[:DRAWN_AT_MOST]):
        label = short(curve["legend"]) if number < SHOWN else None
        axis.plot(*zip(*curve["points"]) if curve["points"] else ([], []), linewidth=1, label=label)
    axis.set_xlim(0, seconds)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at / 60:g} min"))
    axis.xaxis.set_major_locator(plt.MultipleLocator(60))
    if ordered and "trend" not in panel["title"]:
        axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: with_unit(value, panel["unit"])))
    if any(curve["legend"] for curve in ordered):
        more = f"and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else None
        axis.legend(fontsize=5, title=more, title_fontsize=5, loc="upper left")


def number(axis, panel: dict, _: float) -> None:
    axis.axis("off")
    values = [curve["points"][-1][1] for curve in panel["curves"] if curve["points"]]
    text = with_unit(values[0], panel["unit"]) if values else "no data"
    axis.text(0.5, 0.5, text, fontsize=22, ha="center", va="center", transform=axis.transAxes)


def bars(axis, panel: dict, _: float) -> None:
    last = sorted((short(curve["legend"]), curve["points"][-1][1]) for curve in panel["curves"] if curve["points"])
    axis.barh([legend for legend, _ in last], [value for _, value in last], color="#3182bd")
    axis.invert_yaxis()
    axis.set_xlim(left=0)


def table(axis, panel: dict, _: float) -> None:
    axis.axis("off")
    hidden = {"__name__", "instance", "job"}
    rows = {}
    for curve in panel["curves"]:
        if curve["points"]:
            key = tuple(value[:16] for name, value in sorted(curve["labels"].items()) if name not in hidden)
            rows.setdefault(key, []).append(f"{curve['points'][-1][1]:.3g}")
    if rows:
        width = max(len(values) for values in rows.values())
        cells = [[*key, *values, *[""] * (width - len(values))] for key, values in sorted(rows.items())]
        shown = axis.table(cells, loc="upper center", edges="horizontal", cellLoc="left")
        shown.auto_set_font_size(False)
        shown.set_fontsize(6)


def heat(axis, panel: dict, seconds: float) -> None:
    """Buckets are cumulative: each less the one below it."""
    buckets = sorted((float(curve["labels"]["le"]), dict(map(tuple, curve["points"]))) for curve in panel["curves"])
    times = sorted({at for _, points in buckets for at in points})
    cells = []
    below = {}
    for _, points in buckets:
        cells.append([max(0, points.get(at, 0) - below.get(at, 0)) or math.nan for at in times])
        below = points
    if times:
        axis.pcolormesh(times, range(len(buckets)), cells, cmap="Oranges", shading="nearest")
    axis.set_yticks(range(0, len(buckets), 3), [f"{bound:g} ms" for bound, _ in buckets[::3]])
    axis.set_xlim(0, seconds)
    axis.xaxis.set_major_locator(plt.MultipleLocator(60))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"{at / 60:g} min"))
    axis.grid(False)


def short(legend: str) -> str:
    """Topics and groups of a run have a random end, which nobody wants to read."""
    words = re.sub(r"-[0-9a-f]{8}\b", "", legend)
    return words if len(words) <= WORDS else words[: WORDS - 1] + "…"


def with_unit(value: float, unit: str | None) -> str:
    match unit:
        case "percentunit":
            return f"{100 * value:.3g} %"
        case "s":
            return (
                f"{value:.3g} s"
                if value >= 1 or value == 0
                else f"{1000 * value:.3g} ms" if value >= 1e-3 else f"{1e6 * value:.3g} µs"
            )
        case "ms":
            return f"{value:.3g} ms"
        case "bytes" | "Bps":
            per = "/s" if unit == "Bps" else ""
            for name, by in (("MiB", 1 << 20), ("KiB", 1 << 10)):
                if value >= by:
                    return f"{value / by:.3g} {name}{per}"
            return f"{value:.3g} B{per}"
        case "cps":
            return f"{with_unit(value, None)}/s"
    return f"{value / 1000:.3g} k" if value >= 1000 else f"{value:.3g}"


DRAWN = {"stat": number, "gauge": bars, "table": table, "heatmap": heat}

if __name__ == "__main__":
    main()
