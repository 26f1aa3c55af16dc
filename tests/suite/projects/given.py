"""Does what the case does that the event's type names: guest-sdk/python/tests/cases.py."""

from typing import Any

import cases
import sandbus

CASES = {name: work for name, work, _ in cases.CASES}


@sandbus.handler(events=["*"])
def handle(event: sandbus.Event) -> Any:
    return CASES[event.type](event)
