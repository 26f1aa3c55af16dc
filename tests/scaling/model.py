"""The cost model: what an event costs by its size, its headers and the handlers that get it, fitted to what was
measured, and what that means for more events than this machine can take.
"""

from statistics import median

from results import points

# How much of a host's processors, and of a thread, is planned with: the rest is for peaks, for a host that is away, and
# for what the model does not know.
USED = 0.6
HOST_CORES = 8
HOST_NETWORK = 10e9 / 8
# What librdkafka may fetch ahead of each partition, and events that are not final: host/src/kafka/fetcher.rs and the
# default of max_buffer, in MiB.
AHEAD_MIB, BUFFER_MIB = 16, 256
# The bench's key, its headers' names and values, and Kafka's framing, in bytes.
KEY, HEADER, FRAMING = 36, 30, 12
DAY = 24 * 60 * 60

# Threads of which a group has one, whatever the number of processors.
SERIAL = ("engine", "kafka")


def kib(point: dict) -> float:
    return point["size"] / 1024


TERMS = [
    ("an event", lambda point: 1.0),
    ("a KiB of its value", kib),
    ("a header", lambda point: float(point["headers"])),
    ("a further handler", lambda point: point["handlers"] - 1.0),
    ("a further handler and KiB", lambda point: (point["handlers"] - 1.0) * kib(point)),
    ("a further handler and header", lambda point: (point["handlers"] - 1.0) * point["headers"]),
]
MEMORY_TERMS = [
    ("a host", lambda point: 1.0),
    ("a handler", lambda point: float(point["handlers"])),
    ("an instance", lambda point: float(point["instances"])),
]


class Fit:
    """Coefficients for terms, such that the sum of the squares of all relative errors is as small as it can be."""

    def __init__(self, terms: list, fitted: list[tuple[dict, float]]):
        self.terms = terms
        self.factors = least_squares(
            [[term(point) for _, term in terms] for point, _ in fitted], [of for _, of in fitted]
        )
        self.errors = [self(point) / of - 1 for point, of in fitted]

    def __call__(self, point: dict) -> float:
        return sum(factor * term(point) for factor, (_, term) in zip(self.factors, self.terms))

    def median_error(self) -> float:
        return median(abs(error) for error in self.errors)

    def worst_error(self) -> float:
        return max(abs(error) for error in self.errors)


def least_squares(rows: list[list[float]], values: list[float]) -> list[float]:
    """By the normal equations, each row divided by its value, so that small and large ones weigh the same. A term that
    would come out below zero is left out: nothing makes an event cheaper, and what is below zero is noise."""
    left = list(range(len(rows[0])))
    while True:
        scaled = [[row[index] / value for index in left] for row, value in zip(rows, values)]
        square = [[sum(row[i] * row[j] for row in scaled) for j in range(len(left))] for i in range(len(left))]
        found = solve(square, [sum(row[i] for row in scaled) for i in range(len(left))])
        lowest = min(range(len(left)), key=lambda index: found[index])
        if found[lowest] >= 0:
            factors = dict(zip(left, found))
            return [factors.get(index, 0.0) for index in range(len(rows[0]))]
        del left[lowest]


def solve(square: list[list[float]], right: list[float]) -> list[float]:
    """A system of linear equations, by elimination."""
    rows = [[*row, value] for row, value in zip(square, right)]
    for index in range(len(rows)):
        pivot = max(range(index, len(rows)), key=lambda row: abs(rows[row][index]))
        if abs(rows[pivot][index]) < 1e-12:
            raise ValueError("the points do not tell the terms apart")
        rows[index], rows[pivot] = rows[pivot], rows[index]
        for other in range(len(rows)):
            if other != index:
                times = rows[other][index] / rows[index][index]
                rows[other] = [of - times * by for of, by in zip(rows[other], rows[index])]
    return [row[-1] / row[index] for index, row in enumerate(rows)]


def shaped(point: dict) -> dict:
    """With what a point does not name as the bench has it."""
    return {"size": 1024, "headers": 3, "handlers": 1, **point}


def fitted_points() -> list[dict]:
    sweeps = points("payload") + points("headers") + points("handlers")
    return [shaped(point) for point in sweeps + [point for point in points("mixed") if not point["held_out"]]]


def held_out_points() -> list[dict]:
    return [shaped(point) for point in points("mixed") if point["held_out"]]


class Model:
    """All that was fitted."""

    def __init__(self):
        of = fitted_points()
        self.cpu = Fit(TERMS, [(point, point["packed"]["cpu_us"][0]) for point in of])
        # Of points where a thread took less than a hundredth nothing is known of it.
        self.serial = {
            kind: Fit(TERMS, known)
            for kind in SERIAL
            if len(
                known := [(p, p["packed"]["threads"][kind]["busiest_us"]) for p in of if kind in p["packed"]["threads"]]
            )
            > len(TERMS)
        }
        self.memory = Fit(MEMORY_TERMS, [(point, point["memory_mib"]["after"]) for point in points("memory")])
        # Of `sandbus run`, and so without what a bench takes for itself.
        self.one_handler_mib = next(point["memory_mib"] for point in points("start") if point["handlers"] == 1)

    def host(self, point: dict) -> tuple[float, str]:
        """Events per second that a host of HOST_CORES can take, and what bounds it."""
        bounds = [(USED * HOST_CORES * 1e6 / self.cpu(point), "processors")]
        bounds += [(USED * 1e6 / fit(point), f"thread {kind}") for kind, fit in self.serial.items() if fit(point) > 0]
        bounds.append((USED * HOST_NETWORK / on_the_wire(point), "network"))
        return min(bounds)

    def resident(self, handlers: int, instances: int, partitions: int) -> float:
        """MiB that a host has at most: itself, its handlers, and what it may hold of events."""
        _, handler, instance = self.memory.factors
        return (
            self.one_handler_mib + (handlers - 1) * handler + instances * instance + BUFFER_MIB + partitions * AHEAD_MIB
        )

    def plan(self, rate: float, point: dict) -> dict:
        """How many hosts take so many events per second."""
        capacity, bound = self.host(point)
        hosts = max(1, -(-rate // capacity))
        return {
            "cores": rate * self.cpu(point) / 1e6,
            "hosts": int(hosts),
            "bound": bound,
            "host_capacity": capacity,
            "megabytes": rate * on_the_wire(point) / 1e6,
        }


def on_the_wire(point: dict) -> float:
    """Bytes of a record, not compressed."""
    return point["size"] + KEY + HEADER * point["headers"] + FRAMING


def flat_partitions() -> int:
    """The fewest partitions with which one host reaches 95 % of the best."""
    measured = [(point["partitions"], point["packed"]["events_per_second"][0]) for point in points("partitions")]
    best = max(rate for _, rate in measured)
    return min(number for number, rate in measured if rate >= 0.95 * best)
