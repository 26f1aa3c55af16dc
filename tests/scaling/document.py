#!/usr/bin/env python3
"""Writes the tables of docs/performance.md that are made of what was measured, between the marks that stand there. With
--check it writes nothing, and fails where they, or a plot, are not of the JSON files that are there.
"""

import argparse
import re
import sys

from model import (
    AHEAD_MIB,
    BUFFER_MIB,
    DAY,
    HOST_CORES,
    HOST_NETWORK,
    USED,
    Model,
    flat_partitions,
    held_out_points,
    shaped,
)
from results import FIGURES, FOLDER, REPOSITORY, SWEEPS, busiest, digest, load, points

DOCUMENT = REPOSITORY / "docs/performance.md"
BLOCK = re.compile(r"(<!-- measured: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# Of a plan: what is asked for, and how many handlers get each event.
RATES = [
    ("a billion a day, evenly", 1e9 / DAY),
    ("a billion a day, at five times the mean", 5e9 / DAY),
    ("a million a second", 1e6),
]
PLANNED_HANDLERS = [1, 10, 64]
WAITS_MS = [20, 200]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if something is not current")
    check = parser.parse_args().check
    before = DOCUMENT.read_text()
    names = [name for _, name, _ in BLOCK.findall(before)]
    if sorted(names) != sorted(BLOCKS):
        sys.exit(f"{DOCUMENT} has marks for {', '.join(names)}; there have to be {', '.join(BLOCKS)}, each once")
    after = BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n\n{found[3]}", before)
    if not check:
        DOCUMENT.write_text(after)
        return
    stale = ["the tables of docs/performance.md"] if after != before else []
    for figure in FIGURES:
        file = FOLDER / f"{figure}.svg"
        if not file.exists() or digest(figure) not in file.read_text():
            stale.append(str(file.relative_to(REPOSITORY)))
    if stale:
        sys.exit(f"not made of the JSON files that are there: {', '.join(stale)}. Run `make plots`")


def machine() -> str:
    """Of each sweep, for they can be measured at different times; what they share is said once."""
    said = {}
    for sweep in SWEEPS:
        result = load(sweep)
        of = result["machine"]
        memory = int(of["memory"].split()[0]) / 2**20
        line = (
            f"{of['cpu']}, {of['cores']} cores, {memory:.0f} GiB of memory, Linux {of['kernel']}, librdkafka "
            f"{of['librdkafka']}, wasmtime {of['wasmtime']}; measured {result['measured']} at commit {result['commit']}"
        )
        said.setdefault(line, []).append(sweep)
    if len(said) == 1:
        return f"{next(iter(said))}."
    return "\n".join(f"- {', '.join(sweeps)}: {line}." for line, sweeps in said.items())


def cores() -> str:
    contenders = ["bare", "native", "packed", "typed"]
    rows = [
        [
            point["cores"],
            *(rate(point[name]) for name in contenders),
            us(point["packed"]["broker_us"]),
            thread(point["packed"]),
        ]
        for point in points("cores")
    ]
    heads = ["processors", *(f"{name} events/s" for name in contenders), "broker us", "busiest thread"]
    return shown("cores", heads, rows)


def handlers() -> str:
    rows = []
    for point in points("handlers"):
        number, row = point["handlers"], point["packed"]
        deliveries = row["events_per_second"][0] * number
        each = row["cpu_us"][0] / number
        memory = f"{row['memory_mib']['peak']:.0f}"
        rows.append(
            [
                number,
                rate(point["native"]),
                rate(row),
                count(deliveries),
                us(row["cpu_us"][0]),
                us(each),
                thread(row),
                memory,
            ]
        )
    heads = [
        "handlers",
        "native events/s",
        "packed events/s",
        "deliveries/s",
        "CPU us",
        "a delivery",
        "busiest thread",
        "MiB",
    ]
    return shown("handlers", heads, rows)


def partitions() -> str:
    return beside_bare("partitions", "partitions")


def payload() -> str:
    return beside_bare(
        "payload", "size", ("MiB/s", lambda point, row: f"{row['events_per_second'][0] * point['size'] / 2**20:,.0f}")
    )


def headers() -> str:
    return beside_bare("headers", "headers")


def beside_bare(sweep: str, of: str, *more: tuple) -> str:
    rows = []
    for point in points(sweep):
        bare, row = point["bare"], point["packed"]
        ratio = row["events_per_second"][0] / bare["events_per_second"][0]
        rows.append(
            [
                f"{point[of]:,}",
                rate(bare),
                rate(row),
                f"{ratio:.2f}",
                *(value(point, row) for _, value in more),
                us(bare["cpu_us"][0]),
                us(row["cpu_us"][0]),
                us(row["broker_us"]),
                thread(row),
                f"{row['memory_mib']['peak']:.0f}",
            ]
        )
    heads = [of, "bare events/s", "packed events/s", "of bare", *(head for head, _ in more)]
    return shown(sweep, [*heads, "bare CPU us", "packed CPU us", "broker us", "busiest thread", "MiB"], rows)


def memory() -> str:
    fit = Model().memory
    rows = []
    for point, error in zip(points("memory"), fit.errors):
        held = point["memory_mib"]
        rows.append(
            [point["handlers"], point["instances"], f"{held['loaded']:.0f}", f"{held['after']:.0f}", percent(error)]
        )
    parts = ", ".join(f"{name[0]} {factor:.2f} MiB" for name, factor in zip(fit.terms, fit.factors))
    return (
        shown("memory", ["handlers", "instances", "loaded MiB", "at work MiB", "model"], rows) + f"\n\nFitted: {parts}."
    )


def start() -> str:
    rows = []
    for point in points("start"):
        cold, warm = point["cold_seconds"], point["warm_seconds"]
        seconds = (f"{median:.3f} ({low:.3f} to {high:.3f})" for median, low, high in (cold, warm))
        rows.append([point["handlers"], *seconds, f"{point['memory_mib']:.0f}"])
    return shown("start", ["handlers", "cold, seconds", "warm, seconds", "MiB, at most"], rows)


def model() -> str:
    fitted = Model()
    fits = {"the process": fitted.cpu, **{f"thread {kind}": fit for kind, fit in fitted.serial.items()}}
    heads = ["CPU us for", *fits]
    rows = [
        [name, *(f"{fit.factors[index]:.3f}" for fit in fits.values())]
        for index, (name, _) in enumerate(fitted.cpu.terms)
    ]
    text = plot("model") + table(heads, rows)
    errors = "; ".join(f"{name} {fit.median_error():.0%} and {fit.worst_error():.0%}" for name, fit in fits.items())
    text += f"\n\nMedian and largest error over the {len(fitted.cpu.errors)} points that it was fitted to: {errors}. "
    text += "Points that it was not fitted to:\n\n"
    rows = []
    for point in held_out_points():
        measured, predicted = point["packed"]["cpu_us"][0], fitted.cpu(point)
        rows.append(
            [
                point["handlers"],
                f"{point['size']:,}",
                point["headers"],
                us(measured),
                us(predicted),
                percent(predicted / measured - 1),
            ]
        )
    return text + table(["handlers", "size", "headers", "measured us", "predicted us", "error"], rows) + trial("mixed")


def plan() -> str:
    fitted = Model()
    each = flat_partitions()
    rows = []
    for asked, wanted in RATES:
        for number in PLANNED_HANDLERS:
            found = fitted.plan(wanted, shaped({"handlers": number}))
            rows.append(
                [
                    asked,
                    number,
                    count(wanted),
                    f"{found['cores']:.2f}",
                    count(found["host_capacity"]),
                    found["bound"],
                    found["hosts"],
                    found["hosts"] * each,
                    f"{found['megabytes']:,.0f}",
                    f"{fitted.resident(number, 2 * number, each):,.0f}",
                ]
            )
    heads = [
        "events",
        "handlers",
        "events/s",
        "cores",
        "a host takes",
        "bound by",
        "hosts",
        "partitions",
        "MB/s in",
        "MiB a host",
    ]
    text = (
        f"1 KiB and 3 headers. A host is a process with {HOST_CORES} cores and {HOST_NETWORK * 8 / 1e9:.0f} Gbit/s, used "
        f"to {USED:.0%}. Each has {each} of the topic's partitions: with as many the curve above is within 5 % of its best. "
        f"Memory: two instances of each handler, {BUFFER_MIB} MiB of events and {AHEAD_MIB} MiB fetched ahead of each "
        "partition, both at most.\n\n"
    )
    text += table(heads, rows)
    text += "\n\nHandlers that wait, as on an HTTP call, take instances: events/s × wait.\n\n"
    instance = fitted.memory.factors[2]
    rows = [
        [asked, f"{wait} ms", count(wanted * wait / 1000), f"{wanted * wait / 1000 * instance / 1024:.1f}"]
        for asked, wanted in RATES
        for wait in WAITS_MS
    ]
    return text + table(["events", "wait", "instances in all", "GiB in all"], rows) + trial("mixed")


def shown(sweep: str, heads: list, rows: list) -> str:
    return plot(sweep) + table(heads, rows) + trial(sweep)


def plot(figure: str) -> str:
    return f"![{figure}](performance/{figure}.svg)\n\n"


def trial(sweep: str) -> str:
    """So that nobody takes a trial's figures for those that count."""
    return "\n\n**From a trial run: not figures to go by.**" if load(sweep).get("short") else ""


def table(heads: list, rows: list) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def rate(row: dict) -> str:
    return count(row["events_per_second"][0])


def count(number: float) -> str:
    """Three digits that count."""
    return f"{float(f'{number:.3g}'):,.0f}" if number >= 100 else f"{number:.3g}"


def us(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def percent(part: float) -> str:
    return f"{part:+.0%}"


def thread(row: dict) -> str:
    kind, share = busiest(row)
    return f"{kind} {share:.0%}"


BLOCKS = {
    "machine": machine,
    "cores": cores,
    "handlers": handlers,
    "partitions": partitions,
    "payload": payload,
    "headers": headers,
    "memory": memory,
    "start": start,
    "model": model,
    "plan": plan,
}

if __name__ == "__main__":
    main()
