"""Publishes the events that stdin has as JSON Lines, and says of each what its body has to be.

A line is `{"type": "OrderCreated", ...}` with the event's fields; those that it lacks get the package's defaults.
"""

import asyncio
import json
import sys

from shop import TYPES, arguments, connected, say


async def main() -> None:
    options = arguments(__doc__).parse_args()
    lines = [json.loads(line) for line in sys.stdin]
    events = [TYPES[line.pop("type")](**line) for line in lines]
    async with connected(options) as bus:
        await bus.publish(events)
    for event in events:
        say({"event": event.model_dump(mode="json"), "body": event.model_dump_json()})


asyncio.run(main())
