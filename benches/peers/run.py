#!/usr/bin/env python3
"""Measures load tools side by side and prints the tables as Markdown: see README.md beside this file."""

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from suite import markdown
from suite.journey import journey_rows
from suite.machine import allow_many_files, description
from suite.model import CACHE, PEERS, ROOT, Tool
from suite.servers import test_server
from suite.tables import CASES, Row, Settings, alternate
from suite.tools import all_tools

JOURNEY_TABLE = 5


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default="1,2,3,4,5", help="numbers of tables, with commas between (default: all)")
    parser.add_argument("--only", default="", help="names of tools, with commas between (default: all)")
    parser.add_argument("--rounds", type=int, help="alternating rounds (default: 3)")
    parser.add_argument("--seconds", type=int, help="length of each measurement of tables 1 and 2")
    parser.add_argument("--quick", action="store_true", help="one round of short runs: shows that all of it works")
    parser.add_argument(
        "--loadtest", type=Path, default=ROOT / "target" / "release" / "loadtest", help="our own binary"
    )
    parser.add_argument(
        "--server", type=Path, help="the test server's binary (default: built here with cargo, in release)"
    )
    parser.add_argument("--json", type=Path, help="also write every round to this file")
    parser.add_argument("--markdown", type=Path, help="also write the Markdown to this file")
    parser.add_argument("--check", action="store_true", help="only check our scenario files with `loadtest check`")
    return parser.parse_args()


def settings_from(arguments: argparse.Namespace) -> Settings:
    if arguments.quick:
        settings = Settings(
            rounds=arguments.rounds or 1,
            closed_seconds=2.0,
            open_seconds=5.0,
            stall_run_seconds=8.0,
            user_counts=(200, 1_000),
            ramp_seconds=2.0,
            journey_rate=5,
            journey_seconds=15.0,
        )
    else:
        settings = Settings(
            rounds=arguments.rounds or 3,
            closed_seconds=5.0,
            open_seconds=8.0,
            stall_run_seconds=20.0,
            user_counts=(1_000, 5_000),
            ramp_seconds=5.0,
            journey_rate=10,
            journey_seconds=30.0,
        )
    if arguments.seconds is not None:
        settings = dataclasses.replace(
            settings, closed_seconds=arguments.seconds, open_seconds=max(5.0, arguments.seconds)
        )
    return settings


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def installed(tool: Tool) -> bool:
    return shutil.which(str(tool.program)) is not None


def version_of(tool: Tool) -> str:
    answer = subprocess.run(tool.version_command(), capture_output=True, text=True, timeout=60, check=False)
    lines = [line.strip() for line in (answer.stdout + answer.stderr).splitlines()]
    numbered = [line for line in lines if any(character.isdigit() for character in line)]
    return numbered[0].split(" from ")[0] if numbered else "unknown"


def skipped_tools(tools: list[Tool], wanted: set[str]) -> dict[str, str]:
    """What is not measured, with the reason that install.sh wrote down."""
    skipped = {tool.key: "not installed; run benches/peers/install.sh" for tool in tools if not installed(tool)}
    notes = CACHE / "skipped.tsv"
    if notes.is_file():
        for line in notes.read_text(encoding="utf-8").splitlines():
            name, _, reason = line.partition("\t")
            if not any(tool.key == name and installed(tool) for tool in tools):
                skipped[name] = reason
    return {name: reason for name, reason in skipped.items() if not wanted or name in wanted}


def build_server() -> Path:
    say("building the test server")
    command = ["cargo", "build", "--release", "--locked", "--package", "peer-server", "--message-format", "json"]
    built = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for line in built.stdout.splitlines():
        executable = json.loads(line).get("executable")
        if executable:
            return Path(executable)
    raise SystemExit("cargo built no test server")


def check_scenarios(loadtest: Path) -> None:
    """Our own files are valid, whatever has changed in the scenario format since."""
    environment = {
        "PEER_URL": "http://127.0.0.1:1",
        "PEER_TEXT": "text",
        "PRACTICE_API_KEY": "key",
        "PRACTICE_JWT_SECRET": "0123456789abcdef0123456789abcdef",
    }
    for scenario in sorted((PEERS / "scenarios").glob("*.toml")):
        checked = subprocess.run(
            [str(loadtest), "check", str(scenario)], env=environment, capture_output=True, text=True, check=False
        )
        if checked.returncode != 0:
            raise SystemExit(f"{scenario} is not valid:\n{checked.stderr}")
    say("our scenario files are valid")


def measure(
    numbers: list[int], tools: list[Tool], settings: Settings, arguments: argparse.Namespace
) -> dict[int, list[Row]]:
    tables: dict[int, list[Row]] = {}
    binary = None
    for number in numbers:
        taking_part = [tool for tool in tools if number in tool.tables]
        started = time.monotonic()
        say(f"table {number}: {markdown.TABLES[number][0]}")
        if number == JOURNEY_TABLE:
            tables[number] = journey_rows(taking_part, settings, arguments.loadtest, say)
        else:
            binary = binary or arguments.server or build_server()
            with test_server(binary) as server:
                cases = CASES[number](settings, server)
                tables[number] = list(alternate(taking_part, cases, settings.rounds, server.reset, say))
        say(f"table {number} took {time.monotonic() - started:.0f} s")
    return tables


def main() -> None:
    arguments = parse_arguments()
    arguments.loadtest = arguments.loadtest.resolve()
    if not arguments.loadtest.is_file():
        raise SystemExit(
            f"{arguments.loadtest} is missing: build it with `cargo build --release`, or name one with --loadtest"
        )
    check_scenarios(arguments.loadtest)
    if arguments.check:
        return
    settings = settings_from(arguments)
    wanted = set(filter(None, arguments.only.split(",")))
    numbers = [int(number) for number in arguments.tables.split(",")]
    known = all_tools(arguments.loadtest)
    unknown = wanted - {tool.key for tool in known}
    if unknown or not set(numbers) <= set(markdown.TABLES):
        raise SystemExit(f"there is no such tool or table: {', '.join(sorted(unknown)) or arguments.tables}")
    tools = [tool for tool in known if installed(tool) and (not wanted or tool.key in wanted)]
    allow_many_files()
    machine = description()
    versions = {tool.key: version_of(tool) for tool in tools}
    skipped = skipped_tools(known, wanted)
    tables = measure(numbers, tools, settings, arguments)
    text = markdown.document(machine, versions, skipped, settings, tables)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")
    if arguments.json:
        stored = {
            "machine": machine,
            "versions": versions,
            "skipped": skipped,
            "settings": dataclasses.asdict(settings),
            "tables": {number: [row.to_json() for row in rows] for number, rows in tables.items()},
        }
        arguments.json.write_text(json.dumps(stored, indent=1), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
