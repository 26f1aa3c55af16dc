"""The test vectors of ``docs/packed-frame.md``, read out of that document."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = (Path(__file__).parents[3] / "docs" / "packed-frame.md").read_text()


def vector(name: str) -> tuple[bytes, str]:
    """The bytes of a vector, and the text that a reader must find."""
    found = re.search(rf"^### {name}\b.*?```hex\n(.*?)```\n+```text\n(.*?)```", DOCUMENT, re.DOTALL | re.MULTILINE)
    if found is None:
        raise AssertionError(f"the document has no vector {name}")
    lines = found[1].splitlines()
    return bytes.fromhex(" ".join(line.partition(";")[0] for line in lines)), found[2].rstrip("\n")


def names(kind: str) -> list[str]:
    """All vectors of a kind: ``frame`` or ``answer``."""
    return re.findall(rf"^### ({kind}-[a-z-]+)", DOCUMENT, re.MULTILINE)
