"""The probe: a handler that does what the header ``probe`` of each event tells it to do.

What the steps are is written in the README of the probe; ``step`` reads them, ``run`` carries them out, ``misbehave``
holds those that no handler should do, ``results`` reports each event.
"""

from __future__ import annotations

import sandbus

from .results import Results
from .run import run_script
from .step import bad_step


@sandbus.handler(events=["*"])
class Probe:
    """One instance of the probe."""

    def __init__(self) -> None:
        self._results = Results.configured()

    def handle(self, event: sandbus.Event) -> sandbus.Verdict | None:
        # Before the steps, in every try: only those of an `ack` may ever be seen.
        if self._results is not None:
            self._results.report(event)
        header = event.first_header("probe")
        if header is None or header.value is None:
            return None
        try:
            script = header.value.decode()
        except UnicodeDecodeError:
            raise bad_step(header.value.decode(errors="replace")) from None
        return run_script(script, event)
