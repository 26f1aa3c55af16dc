"""Peer: the Kafka bus of eventsource-py. README.md says why these settings.

Prints one JSON line, as the Java peers beside it do. Writes nothing to Kafka but its group's offsets.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from statistics import median_low
from uuid import UUID, uuid4

from eventsource import DomainEvent, EventRegistry, KafkaEventBus, KafkaEventBusConfig
from pydantic import BaseModel, Field

WAIT_SECONDS = 0.02
FIRST_WITHIN_SECONDS = 60
# For a shutdown: on an idle topic the package always takes as long as it may.
IDLE_SECONDS = 1.0
SUFFIX = ".stream"


class Item(BaseModel):
    """Of an order."""

    sku: str
    quantity: int
    price_cents: int


class OrderCreated(DomainEvent):
    """An order of `sandbus bench`, which names no aggregate: the package wants one."""

    aggregate_id: UUID = Field(default_factory=uuid4)
    aggregate_type: str = "Order"
    customer: str
    items: list[Item]


class Round:
    """Handles and counts. The time goes from the first record that reaches the handler to the last."""

    def __init__(self, expected: int):
        self.expected = expected
        self.handled = 0
        self.begin = self.end = None
        self.first, self.last = asyncio.Event(), asyncio.Event()
        self.customers = {}

    async def noop(self, event) -> None:
        self._begin()
        self._count()

    async def json(self, event) -> None:
        self._begin()
        # The bus has parsed it: that is not left out in the other handlers either.
        totals = self.customers.setdefault(event.customer, [0, 0, 0])
        totals[0] += 1
        for item in event.items:
            totals[1] += item.quantity
            totals[2] += item.quantity * item.price_cents
        self._count()

    async def wait(self, event) -> None:
        self._begin()
        await asyncio.sleep(WAIT_SECONDS)
        self._count()

    def _begin(self) -> None:
        if self.begin is None:
            self.begin = now()
            self.first.set()

    def _count(self) -> None:
        self.handled += 1
        if self.handled == self.expected:
            self.end = now()
            self.last.set()

    def result(self) -> dict:
        end = self.end or now()
        return {
            "records": min(self.handled, self.expected),
            "seconds": end[0] - self.begin[0],
            "cpu": end[1] - self.begin[1],
        }


def now() -> tuple[float, float]:
    """Wall clock and this process's CPU time, in seconds."""
    return time.perf_counter(), time.process_time()


async def measure(options: argparse.Namespace, number: int) -> dict:
    """One round with a group of its own."""
    registry = EventRegistry()
    registry.register(OrderCreated)
    config = KafkaEventBusConfig(
        bootstrap_servers=options.bootstrap_servers,
        topic_prefix=options.topic.removesuffix(SUFFIX),
        consumer_group=f"{options.group}-{number}",
        # Otherwise a record that is not understood is written to a topic of somebody else's Kafka.
        enable_dlq=False,
        max_retries=0,
        enable_metrics=False,
        enable_tracing=False,
    )
    bus = KafkaEventBus(config=config, event_registry=registry)
    state = Round(options.records)
    await bus.connect()
    try:
        bus.subscribe(OrderCreated, getattr(state, options.handler))
        consuming = bus.start_consuming_in_background()
        await ends_or(consuming, state.first, FIRST_WITHIN_SECONDS)
        if state.begin is None:
            raise SystemExit(f"error: no order came within {FIRST_WITHIN_SECONDS} s; does {options.topic} hold orders?")
        await ends_or(consuming, state.last, options.seconds)
        return state.result()
    finally:
        await bus.shutdown(timeout=IDLE_SECONDS)


async def ends_or(consuming: asyncio.Task, event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, for so long; fails where the bus stops consuming."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([consuming, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if consuming.done():
        await consuming
        raise SystemExit("error: the bus has stopped consuming")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap-servers", "topic", "group"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("records", "rounds", "seconds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--handler", choices=("noop", "json", "wait"), required=True)
    options = parser.parse_args()
    if not options.topic.endswith(SUFFIX):
        parser.error(f"the package reads only topics whose name ends in {SUFFIX}; {options.topic} does not")
    # It logs a warning about PLAINTEXT, and in the end one about its own shutdown.
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)

    rounds = 1 if options.handler == "wait" else options.rounds
    measured = [await measure(options, number) for number in range(1, rounds + 1)]
    rates = [result["records"] / result["seconds"] for result in measured]
    result = measured[rates.index(median_low(rates))]
    line = {
        "peer": "eventsource-py",
        "handler": options.handler,
        "records": result["records"],
        "seconds": round(result["seconds"], 3),
        "records_per_second": round(result["records"] / result["seconds"]),
        "rounds": [round(rate) for rate in rates],
        "cpu_us_per_record": round(result["cpu"] * 1e6 / result["records"], 2),
        "complete": result["records"] >= options.records,
        "settings": {"enable_metrics": False, "enable_tracing": False, "commit": "after each record"},
    }
    print(json.dumps(line), flush=True)


asyncio.run(main())
