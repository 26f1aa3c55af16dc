#!/usr/bin/env python3
"""Measures the probe of each language, and writes docs/languages.json and the table of docs/languages.md that is made of
it, between the marks that stand there. With --check it measures and writes nothing, and fails where the table is not of
that file, or a language is missing in it.

What is measured says host/benches/languages.rs; build times are those of `sandbus build` in a new project, after a change of
its handler. Languages that are named are measured anew, the others keep their figures.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / "docs/languages.json"
DOCUMENT = REPOSITORY / "docs/languages.md"
BLOCK = re.compile(r"(<!-- measured: languages -->\n).*?(<!-- end -->)", re.DOTALL)
# One list for tests and figures.
LIST = REPOSITORY / "tests/src/languages.rs"
TITLES = {"rust": "Rust", "js": "JavaScript", "ts": "TypeScript", "python": "Python", "go": "Go", "c": "C"}
# The handler of a new project.
SOURCES = {
    "rust": "src/lib.rs",
    "js": "src/index.js",
    "ts": "src/index.ts",
    "python": "src/handler.py",
    "go": "handler.go",
    "c": "handler.c",
}
# What each of them logs. A comment would not do: bundlers drop it, and what has not changed is not built.
LOGGED = "cents is number"
# Each build is one more that may be disturbed; the middle one counts.
BUILDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="measure and write nothing; status 1 if the table is old")
    parser.add_argument("languages", nargs="*", help="measure only these [default: all]")
    arguments = parser.parse_args()
    known = re.findall(r'"(\w+)"', re.search(r"LANGUAGES: &\[&str\] = &\[(.*?)\]", LIST.read_text(), re.DOTALL)[1])
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.check:
        bench = benchmark()
        for language in arguments.languages or known:
            print(f"==> {TITLES[language]}", file=sys.stderr)
            results[language] = measure(bench, language)
        RESULTS.write_text(json.dumps({name: results[name] for name in known if name in results}, indent=1) + "\n")
    missing = [name for name in known if name not in results]
    if missing:
        sys.exit(f"docs/languages.json has no figures of {', '.join(missing)}. Run `make languages`")
    before = DOCUMENT.read_text()
    after, found = BLOCK.subn(lambda marks: f"{marks[1]}\n{table(results, known)}\n\n{marks[2]}", before)
    if found != 1:
        sys.exit("docs/languages.md has no marks for the table, or more than once")
    if not arguments.check:
        DOCUMENT.write_text(after)
    elif after != before:
        sys.exit("the table of docs/languages.md is not made of docs/languages.json. Run `make languages`")


def benchmark() -> str:
    """The built benchmark's file."""
    command = ["cargo", "build", "--release", "--package", "sandbus", "--bench", "languages"]
    built = subprocess.run([*command, "--message-format", "json", "--quiet"], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    messages = (json.loads(line) for line in built.stdout.splitlines() if line.startswith(b"{"))
    files = [message.get("executable") for message in messages if message.get("target", {}).get("name") == "languages"]
    return [file for file in files if file][-1]


def measure(bench: str, language: str) -> dict:
    component = REPOSITORY / f"target/components/probe-{language}.wasm"
    if not component.exists():
        sys.exit(f"there is no {component.relative_to(REPOSITORY)}: run `make build`, which makes it")
    ran = subprocess.run([bench, component], stdout=subprocess.PIPE, check=True)
    figures = json.loads(ran.stdout)
    figures["build_seconds"] = builds(language)[BUILDS // 2]
    return {name: round(value, 3) for name, value in figures.items()} | {"machine": machine()}


def builds(language: str) -> list:
    """Seconds of each build of a new project whose handler was changed; the first of all is not counted."""
    sandbus = REPOSITORY / "target/release/sandbus"
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
    # Compiled dependencies of Rust stay from run to run.
    environment["CARGO_BUILD_BUILD_DIR"] = str(REPOSITORY / "target/projects/measured")
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sandbus, "new", "measured", "--lang", language], cwd=folder, check=True, capture_output=True)
        project = Path(folder) / "measured"
        source = project / SOURCES[language]
        text = source.read_text()
        for number in range(BUILDS + 1):
            source.write_text(text.replace(LOGGED, f"cents, in build {number}, is number"))
            start = time.monotonic()
            built = subprocess.run([sandbus, "build"], cwd=project, env=environment, check=True, capture_output=True, text=True)
            seconds.append(time.monotonic() - start)
            if ", unchanged)" in built.stdout:
                sys.exit(f"{source.name} was changed, and {language} built nothing: {built.stdout}")
    return sorted(seconds[1:])


def machine() -> str:
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True)
    name = cpu[1] if cpu else os.uname().machine
    return f"{name}, {os.cpu_count()} cores; {date.today()}, commit {commit.stdout.strip() or 'unknown'}"


def table(results: dict, known: list) -> str:
    heads = ["", "component", "build", "compile", "fresh", "typed call", "packed call", "in a frame", "events/s", "memory"]
    rows = []
    for language in known:
        of = results[language]
        rows.append(
            [
                TITLES[language],
                size(of["component_bytes"]),
                f"{of['build_seconds']:.1f} s",
                f"{of['compile_ms']:,.0f} ms",
                us(of["fresh_us"]),
                us(of["typed_us"]),
                us(of["packed_us"]),
                us(of["batch_us"]),
                f"{float(format(1e6 / of['batch_us'], '.2g')):,.0f}",
                size(of["memory_bytes"]),
            ]
        )
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    said = {}
    for language in known:
        said.setdefault(results[language]["machine"], []).append(TITLES[language])
    return text + "\n\n" + "\n".join(f"- {', '.join(names)}: {where}" for where, names in said.items())


def size(count: float) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"


def us(value: float) -> str:
    return f"{value:.2f} us" if value < 100 else f"{value:,.0f} us"


if __name__ == "__main__":
    main()
