#!/usr/bin/env python3
"""Draws the plots of docs/performance.md from the JSON files beside them. The same files give the same bytes: no dates,
no random names."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullFormatter

from model import Model, fitted_points, held_out_points
from results import FIGURES, FOLDER, digest, points

COLORS = {"bare": "#7f7f7f", "native": "#1f77b4", "packed": "#d62728", "typed": "#ff7f0e"}
# Threads, from the one that polls to the guests; what has no color of its own comes on top.
THREADS = {"rdk:broker": "#9ecae1", "kafka": "#3182bd", "engine": "#31a354", "guest": "#d62728"}
OTHER = "#bdbdbd"


def main() -> None:
    plt.rcParams.update(
        {
            "svg.hashsalt": "sandbus",
            # Text stays text: smaller, and it can be searched.
            "svg.fonttype": "none",
            "font.size": 9,
            "figure.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e5e5e5",
            "axes.axisbelow": True,
            "legend.frameon": False,
        }
    )
    for name in FIGURES:
        figure = DRAWN[name]()
        metadata = {"Date": None, "Creator": None, "Identifier": digest(name)}
        figure.savefig(FOLDER / f"{name}.svg", metadata=metadata, bbox_inches="tight")
        plt.close(figure)


def cores():
    figure, (left, right) = two()
    ways = points("cores")
    contenders = ["bare", "native", "packed", "typed"]
    for index, name in enumerate(contenders):
        at = [way + (index - 1.5) * 0.2 for way in range(len(ways))]
        medians, errors = errorbars([point[name] for point in ways])
        left.bar(at, medians, 0.18, yerr=errors, color=COLORS[name], label=name, error_kw={"linewidth": 0.8})
    labels = [point["cores"].replace(", ", ",\n") for point in ways]
    left.set_xticks(range(len(ways)), labels)
    left.yaxis.set_major_formatter(FuncFormatter(short))
    titled(left, "events per second")
    by_thread(right, [point["packed"] for point in ways], labels)
    return figure


def handlers():
    figure, (left, right) = two()
    of = points("handlers")
    at = [point["handlers"] for point in of]
    for name in ("native", "packed"):
        lines(left, at, [point[name] for point in of], name)
    deliveries = [point["packed"]["events_per_second"][0] * point["handlers"] for point in of]
    left.plot(
        at, deliveries, marker="s", markersize=3, linestyle="--", color=COLORS["packed"], label="packed, deliveries"
    )
    scaled(left, at, "handlers", "log", "log")
    titled(left, "per second")
    by_thread(
        right,
        [point["packed"] for point in of],
        at,
        [point["handlers"] for point in of],
        "a delivery, by thread: CPU us",
    )
    right.set_xlabel("handlers")
    return figure


def against_bare(sweep: str, of: str, label: str, x: str, y: str):
    figure, (left, right) = two()
    measured = points(sweep)
    at = [point[of] for point in measured]
    for name in ("bare", "packed"):
        lines(left, at, [point[name] for point in measured], name)
    scaled(left, at, label, x, y)
    titled(left, "events per second")
    by_thread(right, [point["packed"] for point in measured], [short(value) for value in at])
    right.set_xlabel(label)
    return figure


def partitions():
    return against_bare("partitions", "partitions", "partitions", "log", "linear")


def payload():
    figure = against_bare("payload", "size", "bytes of a value", "log", "log")
    # From below one microsecond to a thousand: what counts is what a byte costs.
    right = figure.axes[1]
    right.clear()
    of = points("payload")
    for name in ("bare", "packed"):
        values = [point[name]["events_per_second"][0] * point["size"] / 2**20 for point in of]
        right.plot([point["size"] for point in of], values, marker="o", markersize=3, color=COLORS[name], label=name)
    scaled(right, [point["size"] for point in of], "bytes of a value", "log", "linear")
    titled(right, "MiB per second")
    return figure


def headers():
    return against_bare("headers", "headers", "headers", "linear", "linear")


def memory():
    figure, axes = two()
    fit = Model().memory
    ways = [
        ("handlers", lambda point: point["handlers"] == point["instances"]),
        ("instances", lambda point: point["handlers"] == 1),
    ]
    for axis, (of, belongs) in zip(axes, ways):
        chosen = [point for point in points("memory") if belongs(point)]
        at = [point[of] for point in chosen]
        axis.plot(
            at,
            [point["memory_mib"]["after"] for point in chosen],
            "o",
            markersize=4,
            color=COLORS["packed"],
            label="measured",
        )
        axis.plot(at, [fit(point) for point in chosen], color="#333333", linewidth=1, label="model")
        axis.set_xlabel("handlers of one instance" if of == "handlers" else "instances of one handler")
        axis.set_ylim(bottom=0)
        titled(axis, "resident MiB")
    return figure


def start():
    figure, axis = plt.subplots(figsize=(4.5, 3))
    of = points("start")
    for key, color, label in (("cold_seconds", "#3182bd", "cold"), ("warm_seconds", "#d62728", "warm")):
        at = [point["handlers"] for point in of]
        median = [point[key][0] for point in of]
        errors = [[point[key][0] - point[key][1] for point in of], [point[key][2] - point[key][0] for point in of]]
        axis.errorbar(at, median, yerr=errors, marker="o", markersize=4, color=color, label=label, capsize=2)
    scaled(axis, at, "handlers", "log", "log")
    titled(axis, "seconds until all are loaded")
    return figure


def model():
    figure, axis = plt.subplots(figsize=(4.5, 4))
    fit = Model().cpu
    for of, color, label in (
        (fitted_points(), "#333333", "fitted"),
        (held_out_points(), COLORS["packed"], "not fitted"),
    ):
        measured = [point["packed"]["cpu_us"][0] for point in of]
        axis.plot(measured, [fit(point) for point in of], "o", markersize=4, color=color, label=label)
    ends = [0.5 * min(measured), 2 * max(point["packed"]["cpu_us"][0] for point in fitted_points())]
    axis.plot(ends, ends, color="#bdbdbd", linewidth=1, zorder=0)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel("measured")
    axis.set_ylabel("by the model")
    titled(axis, "CPU us for an event")
    return figure


def two():
    return plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")


def lines(axis, at: list, rows: list, name: str) -> None:
    medians, errors = errorbars(rows)
    axis.errorbar(at, medians, yerr=errors, marker="o", markersize=3, color=COLORS[name], label=name, capsize=2)


def errorbars(rows: list) -> tuple:
    of = [row["events_per_second"] for row in rows]
    return [row[0] for row in of], [[row[0] - row[1] for row in of], [row[2] - row[0] for row in of]]


def by_thread(
    axis, rows: list, labels: list, divide: list | None = None, title: str = "an event, by thread: CPU us"
) -> None:
    """Bars of what each kind of thread takes for an event, and the broker beside them."""
    divide = divide or [1] * len(rows)
    below = [0.0] * len(rows)
    for kind, color in {**THREADS, "other": OTHER}.items():
        values = []
        for row, by in zip(rows, divide):
            threads = row["threads"]
            own = threads.get(kind, {"cpu_us": 0})["cpu_us"]
            rest = max(0, row["cpu_us"][0] - sum(threads.get(known, {"cpu_us": 0})["cpu_us"] for known in THREADS))
            values.append((rest if kind == "other" else own) / by)
        axis.bar(range(len(rows)), values, 0.6, bottom=below, color=color, label=kind)
        below = [low + value for low, value in zip(below, values)]
    broker = [row.get("broker_us", 0) / by for row, by in zip(rows, divide)]
    axis.plot(range(len(rows)), broker, "_", markersize=12, color="black", label="broker, besides")
    axis.set_xticks(range(len(rows)), labels)
    titled(axis, title)
    # What stands on top is named on top.
    handles, names = axis.get_legend_handles_labels()
    axis.legend(handles[::-1], names[::-1], fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def scaled(axis, at: list, label: str, x: str, y: str) -> None:
    """Scales of both axes, "log" or "linear"; a linear one begins with 0."""
    axis.set_xscale(x, **({"base": 2} if x == "log" else {}))
    axis.set_xticks(at, [short(value) for value in at])
    axis.set_yscale(y)
    if y == "linear":
        axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(FuncFormatter(short))
    for minor in (axis.xaxis, axis.yaxis):
        minor.set_minor_formatter(NullFormatter())
    axis.set_xlabel(label)


def titled(axis, title: str) -> None:
    axis.set_title(title, loc="left", fontsize=9)
    axis.legend(fontsize=7)


def short(value: float, _=None) -> str:
    """300 k, 64 Ki"""
    for unit, by in (("Mi", 1 << 20), ("Ki", 1 << 10)):
        if value >= by and value % by == 0:
            return f"{value // by:g} {unit}"
    for unit, by in (("M", 1e6), ("k", 1e3)):
        if value >= by:
            return f"{value / by:g} {unit}"
    return f"{value:g}"


DRAWN = {
    "cores": cores,
    "handlers": handlers,
    "partitions": partitions,
    "payload": payload,
    "headers": headers,
    "memory": memory,
    "start": start,
    "model": model,
}

if __name__ == "__main__":
    main()
