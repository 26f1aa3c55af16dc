#!/usr/bin/env python3
"""Measures how the host scales, with `sandbus bench` and `sandbus run` on the Kafka that with-kafka has started.

Each sweep changes one thing and keeps the rest as the bench has it: 1 KiB values, 3 headers, 4 partitions, one handler
of two instances that does nothing. It leaves one JSON file, which holds what plots, tables and the cost model of
docs/performance.md are made of, and no more. `make scaling` runs all of them.
"""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SANDBUS = REPOSITORY / "target/release/sandbus"
START_TIME = REPOSITORY / "target/release/start-time"
COMPONENTS = REPOSITORY / "target/components"

# One bench that takes longer has gone wrong.
BOUND_SECONDS = 180
# A topic is so large that reading it takes about a second, and writing it some seconds.
MOST_RECORDS = 1_000_000
MOST_BYTES = 5 << 28
MOST_DELIVERIES = 3_000_000
# What key, headers and Kafka's own framing add to a value, about.
AROUND_VALUE = 200

SIZES = [100, 300, 1024, 4096, 16_384, 65_536, 262_144, 1 << 20]
HEADERS = [0, 1, 3, 5, 10, 20]
PARTITIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
HANDLERS = [1, 2, 4, 8, 16, 32, 64]
INSTANCES = [1, 4, 16, 64, 256]
STARTED_HANDLERS = [1, 10, 100]
# Several things at once: the first four show how they act together, the others whether the model holds.
MIXED = [
    {"handlers": 8, "size": 100, "headers": 3},
    {"handlers": 8, "size": 8192, "headers": 3},
    {"handlers": 8, "size": 1024, "headers": 0},
    {"handlers": 8, "size": 1024, "headers": 20},
]
HELD_OUT = [
    {"handlers": 1, "size": 300, "headers": 20},
    {"handlers": 3, "size": 2048, "headers": 6},
    {"handlers": 16, "size": 4096, "headers": 10},
    {"handlers": 32, "size": 300, "headers": 1},
]


def main() -> None:
    names = list(SWEEPS)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(names), metavar="SWEEPS", help="of %(default)s")
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY / "docs/performance", help="the folder for the JSON files"
    )
    parser.add_argument(
        "--rounds", type=int, default=4, help="of each bench; the first is not counted (default: %(default)s)"
    )
    parser.add_argument(
        "--short", action="store_true", help="few records and points: shows that all of it works, no more"
    )
    parser.add_argument("--lock", type=Path, metavar="FILE", help="held during each bench, where a machine is shared")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    unknown = [name for name in wanted if name not in names]
    if unknown or arguments.rounds < 1:
        parser.error(f"unknown sweeps: {', '.join(unknown)}" if unknown else "--rounds has to be at least 1")
    if "SANDBUS_TEST_KAFKA" not in os.environ:
        parser.error("there is no Kafka: run `make scaling`, which starts one")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sandbus-scaling-") as folder:
        for name in wanted:
            measuring = Measuring(arguments, Path(folder))
            started = time.monotonic()
            points = SWEEPS[name](measuring)
            took = time.monotonic() - started - measuring.waited
            say(f"{name}: {len(points)} points in {took:.0f} s")
            write(
                arguments.out / f"{name}.json",
                {
                    "sweep": name,
                    "measured": date.today().isoformat(),
                    "commit": commit(),
                    # Not to be taken for figures.
                    **({"short": True} if arguments.short else {}),
                    "took_seconds": round(took),
                    "machine": measuring.machine,
                    "points": points,
                },
            )


class Measuring:
    """Runs benches, one at a time."""

    def __init__(self, arguments: argparse.Namespace, folder: Path):
        self.short, self.rounds = arguments.short, 2 if arguments.short else arguments.rounds
        self.lock, self.waited = arguments.lock, 0.0
        self.folder = folder
        self.broker = os.environ.get("SANDBUS_TEST_KAFKA_PROCESS", "")
        self.machine = None

    def values(self, of: list) -> list:
        """The points of a sweep; of a short one the first, one between, and the last."""
        return [of[0], of[len(of) // 2], of[-1]] if self.short and len(of) > 3 else of

    def records(self, size: int = 1024, handlers: int = 1) -> int:
        """How many keep the bench busy for about a second."""
        most = min(MOST_RECORDS, MOST_BYTES // (size + AROUND_VALUE), MOST_DELIVERIES // handlers)
        return max(most // (20 if self.short else 1), 500)

    def bench(self, contenders: str, rounds: int | None = None, cpus: set | None = None, **options) -> dict:
        """Runs `sandbus bench`, on these processors. Answers with what each contender reached."""
        words = [str(SANDBUS), "bench", "--bootstrap-servers", os.environ["SANDBUS_TEST_KAFKA"], "--json"]
        if self.broker:
            words += ["--broker-process", self.broker]
        # Where no compiled code is kept, a host of many handlers compiles for seconds before each round.
        most = 3 if options.get("handlers", 1) > 16 else self.rounds
        options = {"contenders": contenders, "rounds": rounds or min(self.rounds, most), **options}
        options.setdefault("records", self.records(options.get("size", 1024), options.get("handlers", 1)))
        if options.get("handlers", 1) > 1:
            # Each with code of its own, as handlers have. One file for all would share what is compiled.
            options["component"] = self.components(options["handlers"])
        for name, value in options.items():
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}", str(each)]
        say("  " + ", ".join(f"{name} {value}" for name, value in options.items() if name != "component"))
        with self.alone():
            result = json.loads(run(words, cpus))
        # The bench sees those processors that it was given.
        self.machine = self.machine or {**result["machine"], "cores": len(os.sched_getaffinity(0))}
        rows = {row["name"]: summary(row) for row in result["contenders"]}
        for name, row in rows.items():
            rate, cpu = row["events_per_second"][0], row["cpu_us"][0]
            say(f"    {name:<7} {rate:>9,} events/s  {cpu:>9.2f} us CPU")
        return {"records": options["records"], **rows}

    @contextlib.contextmanager
    def alone(self):
        """Nothing else runs meanwhile, if all others keep to the same lock."""
        if not self.lock:
            yield
            return
        with self.lock.open("a") as file:
            asked = time.monotonic()
            fcntl.flock(file, fcntl.LOCK_EX)
            self.waited += time.monotonic() - asked
            yield

    def components(self, number: int) -> list:
        """So many components that do the same and are different files, as are their digests."""
        code = (COMPONENTS / "bench-rust.wasm").read_bytes()
        files = [self.folder / f"bench-{index}.wasm" for index in range(number)]
        for index, file in enumerate(files):
            if not file.exists():
                file.write_bytes(code + custom_section("copy", str(index).encode()))
        return files


def cores(measuring: Measuring) -> list:
    """One processor or all of them, for the host and for the broker."""
    every = sorted(os.sched_getaffinity(0))
    if len(every) < 2 or not measuring.broker:
        sys.exit("the sweep over cores needs two of them, and a broker whose process is known")
    ways = [
        ("host 1, broker another 1", {every[0]}, {every[1]}),
        (f"both share {len(every)}", set(every), set(every)),
        ("both share 1", {every[0]}, {every[0]}),
    ]
    points = []
    for way, host, broker in ways:
        pin(int(measuring.broker), broker)
        try:
            points.append({"cores": way, **measuring.bench("bare,native,packed,typed", cpus=host)})
        finally:
            pin(int(measuring.broker), set(every))
    return points


def handlers(measuring: Measuring) -> list:
    """Handlers of one topic, each of which gets every event."""
    numbers = measuring.values(HANDLERS)
    return [{"handlers": number, **measuring.bench("native,packed", handlers=number)} for number in numbers]


def partitions(measuring: Measuring) -> list:
    """Partitions of the topic, all of them read by one host."""
    numbers = measuring.values(PARTITIONS)
    return [{"partitions": number, **measuring.bench("bare,packed", partitions=number)} for number in numbers]


def payload(measuring: Measuring) -> list:
    """Bytes of a value."""
    return [{"size": size, **measuring.bench("bare,packed", size=size)} for size in measuring.values(SIZES)]


def headers(measuring: Measuring) -> list:
    """Headers of a record."""
    numbers = measuring.values(HEADERS)
    return [{"headers": number, **measuring.bench("bare,packed", headers=number)} for number in numbers]


def mixed(measuring: Measuring) -> list:
    """Several of these at once; the held-out ones are not used to fit the model, but to try it."""
    ways = [(way, False) for way in MIXED] + [(way, True) for way in measuring.values(HELD_OUT)]
    return [{**way, "held_out": held_out, **measuring.bench("packed", **way)} for way, held_out in ways]


def memory(measuring: Measuring) -> list:
    """Resident bytes with more handlers and more instances. Small records, and few: what is held is not theirs."""
    ways = [(number, 1) for number in measuring.values(HANDLERS)]
    ways += [(1, number) for number in measuring.values(INSTANCES) if number > 1]
    points = []
    for number, instances in ways:
        # They wait, so that all of them are busy at once, and each comes to be made.
        options = {"handler": "wait", "wait_ms": 20, "size": 100, "records": 100 * instances}
        result = measuring.bench("packed", rounds=1, handlers=number, instances=instances, **options)
        points.append(
            {"handlers": number, "instances": number * instances, "memory_mib": result["packed"]["memory_mib"]}
        )
    return points


def start(measuring: Measuring) -> list:
    """From the start of the process until all handlers are loaded; with and without code that was compiled before."""
    points = []
    # Nothing is measured by this: it says what machine this is.
    measuring.bench("bare", rounds=1, records=1000)
    for number in measuring.values(STARTED_HANDLERS):
        with measuring.alone():
            lines = run([str(START_TIME), "--handlers", str(number), "--rounds", "1" if measuring.short else "3"])
        starts = [json.loads(line) for line in lines.splitlines()]
        cold, warm = ([each["process_to_loaded_ms"] / 1000 for each in of] for of in (starts[:1], starts[1:]))
        memory = starts[-1]["peak_memory_bytes"] / 2**20
        say(f"  {number} handlers: {spread(cold, 3)[0]} s cold, {spread(warm, 3)[0]} s warm, {memory:.0f} MiB")
        points.append(
            {
                "handlers": number,
                "cold_seconds": spread(cold, 3),
                "warm_seconds": spread(warm, 3),
                "memory_mib": round(memory, 1),
            }
        )
    return points


def summary(row: dict) -> dict:
    """What is kept of one contender: medians, where it varies with the smallest and the largest."""
    rounds = row["rounds"]
    total = statistics.median(each["cpu_us_per_event"] for each in rounds)
    threads = {}
    for kind in sorted({kind for each in rounds for kind in each["threads"]}):
        of = [each["threads"][kind] for each in rounds if kind in each["threads"]]
        cpu = statistics.median(each["cpu_us_per_event"] for each in of)
        # What is less than a hundredth of it all is not looked at.
        if cpu >= total / 100:
            busiest = statistics.median(each["busiest_cpu_us_per_event"] for each in of)
            threads[kind] = {"number": of[-1]["number"], "cpu_us": digits(cpu), "busiest_us": digits(busiest)}
    kept = {
        "events_per_second": spread([each["events_per_second"] for each in rounds], 4),
        "cpu_us": spread([each["cpu_us_per_event"] for each in rounds], 4),
        "threads": threads,
        # Of the last round: what earlier ones have left is in it, as it is in a host that runs for long.
        "memory_mib": {name: round(value / 2**20, 1) for name, value in rounds[-1]["memory"].items()},
    }
    if rounds[0]["broker_cpu_us_per_event"] is not None:
        kept["broker_us"] = digits(statistics.median(each["broker_cpu_us_per_event"] for each in rounds))
    return kept


def spread(values: list, places: int) -> list:
    """Median, smallest and largest."""
    return [digits(value, places) for value in (statistics.median(values), min(values), max(values))]


def digits(value: float, places: int = 4) -> float:
    """Rounded to so many digits that count; whole where that is whole."""
    rounded = float(f"{value:.{places}g}")
    return int(rounded) if rounded.is_integer() else rounded


def run(words: list, cpus: set | None = None) -> str:
    """What a program prints. It is ended where it takes too long, and its failure ends this one."""

    def limited() -> None:
        if cpus:
            os.sched_setaffinity(0, cpus)

    # Asked to end, a bench deletes its topics.
    words = ["timeout", "--kill-after=10", str(BOUND_SECONDS), *words]
    ended = subprocess.run(words, stdout=subprocess.PIPE, preexec_fn=limited, text=True)
    if ended.returncode == 124:
        sys.exit(f"{words[3]} took longer than {BOUND_SECONDS} s")
    if ended.returncode != 0:
        sys.exit(f"{words[3]} ended with status {ended.returncode}")
    return ended.stdout


def pin(process: int, cpus: set) -> None:
    """All threads of a process to these processors; those that they start will be there too."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cpus)


def custom_section(name: str, content: bytes) -> bytes:
    """A section at the end of a component that means nothing, of less than 128 bytes."""
    named = bytes([len(name)]) + name.encode() + content
    return bytes([0, len(named)]) + named


def commit() -> str | None:
    """What was measured."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return described.stdout.strip() or None


def write(file: Path, result: dict) -> None:
    """One line for each point, so that a difference can be read."""
    points = ",\n".join("    " + json.dumps(point) for point in result["points"])
    rest = json.dumps({name: value for name, value in result.items() if name != "points"}, indent=2)
    file.write_text(rest.removesuffix("\n}") + ',\n  "points": [\n' + points + "\n  ]\n}\n")


def say(line: str) -> None:
    """To people; nothing else is printed."""
    print(line, file=sys.stderr, flush=True)


SWEEPS = {
    "cores": cores,
    "handlers": handlers,
    "partitions": partitions,
    "payload": payload,
    "headers": headers,
    "mixed": mixed,
    "memory": memory,
    "start": start,
}

if __name__ == "__main__":
    main()
