"""What measure.py has left, and which figure is drawn from what."""

import hashlib
import json
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "docs/performance"

# Each plot, and the sweeps that it shows.
FIGURES = {
    "cores": ["cores"],
    "handlers": ["handlers"],
    "partitions": ["partitions"],
    "payload": ["payload"],
    "headers": ["headers"],
    "memory": ["memory"],
    "start": ["start"],
    "model": ["payload", "headers", "handlers", "mixed"],
}


SWEEPS = sorted({sweep for sweeps in FIGURES.values() for sweep in sweeps})


def load(sweep: str) -> dict:
    """A sweep's JSON."""
    return json.loads((FOLDER / f"{sweep}.json").read_text())


def points(sweep: str) -> list:
    """Its points."""
    return load(sweep)["points"]


def digest(figure: str) -> str:
    """Of all that a plot is made of: it stands in the plot, so that an old one is found without drawing it again."""
    here = Path(__file__).parent
    sources = [here / "plot.py", *(FOLDER / f"{sweep}.json" for sweep in FIGURES[figure])]
    if figure in ("model", "memory"):
        sources.append(here / "model.py")
    made_of = hashlib.sha256()
    for source in sources:
        made_of.update(source.read_bytes())
    return made_of.hexdigest()


def busiest(row: dict) -> tuple[str, float]:
    """The thread that a contender keeps busiest, and how much of a processor it takes: near 1, it is what bounds."""
    kind, threads = max(row["threads"].items(), key=lambda item: item[1]["busiest_us"])
    return kind, threads["busiest_us"] * row["events_per_second"][0] / 1e6
