"""What an event's JSON is: the documents that every language reads, of ``tests/conformance/json.jsonl``."""

from __future__ import annotations

import base64
import json
import unittest
from pathlib import Path
from typing import Any

import sandbus
from sandbus.testing import event

DOCUMENTS = Path(__file__).parents[3] / "tests" / "conformance" / "json.jsonl"


def document(row: dict[str, Any]) -> bytes:
    if "base64" in row:
        return base64.b64decode(row["base64"])
    if "document" in row:
        return str(row["document"]).encode()
    before, opened, inside, closed, after = (
        row.get(part, "") for part in ("before", "open", "inside", "close", "after")
    )
    text: str = before + opened * row["times"] + inside + closed * row["times"] + after
    return text.encode()


class Documents(unittest.TestCase):
    def test_what_is_json_is_so_in_every_language(self) -> None:
        rows = [json.loads(line) for line in DOCUMENTS.read_text().splitlines()]
        self.assertGreater(len(rows), 50)
        for row in rows:
            wanted, _, _ = row.get("differs", {}).get("python", row["is"]).partition(":")
            with self.subTest(row["name"]):
                try:
                    event("A", document(row)).json()
                    found = "ok"
                except sandbus.EventError as error:
                    found = error.kind
                self.assertEqual(found, wanted)


if __name__ == "__main__":
    unittest.main()
