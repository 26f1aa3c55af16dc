"""A shop's events and a bus that knows them: what the programs beside this one share.

They use only what eventsource-py calls public. Data goes to stdout as JSON Lines, words to stderr.
"""

import argparse
import json
from contextlib import asynccontextmanager

from eventsource import DomainEvent, EventRegistry, KafkaEventBus, KafkaEventBusConfig


class OrderCreated(DomainEvent):
    """As the examples of Sandbus know it."""

    aggregate_type: str = "Order"
    order_id: str
    currency: str
    items: list[dict[str, int]]


class PaymentRequested(DomainEvent):
    """Likewise."""

    aggregate_type: str = "Payment"
    payment_id: str
    amount_cents: int
    installments: int
    currency: str
    provider: str
    card_last4: str


TYPES = {kind.__name__: kind for kind in (OrderCreated, PaymentRequested)}

# Seconds for a shutdown: on an idle topic the package always takes as long as it may.
IDLE = 1.0


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that every program has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic-prefix", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--max-retries", type=int, default=0)
    return parser


@asynccontextmanager
async def connected(options: argparse.Namespace):
    """A bus that is connected, and shut down in the end."""
    registry = EventRegistry()
    for kind in TYPES.values():
        registry.register(kind)
    config = KafkaEventBusConfig(
        bootstrap_servers=options.bootstrap_servers,
        topic_prefix=options.topic_prefix,
        consumer_group=options.group,
        max_retries=options.max_retries,
        retry_base_delay=0.01,
        retry_max_delay=0.01,
    )
    bus = KafkaEventBus(config=config, event_registry=registry)
    await bus.connect()
    try:
        yield bus
    finally:
        await bus.shutdown(timeout=IDLE)


def say(data: dict) -> None:
    """One line of stdout, which whoever waits for it sees at once."""
    print(json.dumps(data), flush=True)
