#!/usr/bin/env python3
"""How cost grows: processor time with the rate, memory with the users, files with the length of a run.

Writes `docs/scale/*.svg` and prints Markdown. Everything is measured with the release build; see README.md.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import plot

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
RATES = [1_000, 2_000, 5_000, 10_000, 20_000]
USERS = [1_000, 3_000, 9_000]
LENGTHS_S = [10, 120, 1_200]
# A user of `users.toml` stays for about this long.
STAY_S = 100
MEBIBYTE = 1024 * 1024


@dataclass
class Finished:
    """A run that has ended: its record, its folder, and what its process tree used."""

    record: dict
    folder: Path
    cpu_s: float


@dataclass
class Footprint:
    """The most that a process held at once."""

    resident_kib: int = 0
    descriptors: int = 0

    def look(self, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{pid}/fd")))
        except OSError:
            return
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                self.resident_kib = max(self.resident_kib, int(line.split()[1]))


def command(binary: Path, scenario: Path, out: str, sets: dict[str, str]) -> list[str]:
    pairs = [part for key, value in sets.items() for part in ("--set", f"{key}={value}")]
    return [str(binary), "run", str(scenario), "--out", out, "--progress", "none", *pairs]


def finished(out: str, before: resource.struct_rusage) -> Finished:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    folder = Path(out)
    return Finished(json.loads((folder / "run.json").read_text()), folder, used)


def run(binary: Path, scenario: Path, sets: dict[str, str], pinned: bool = False) -> Finished:
    out = tempfile.mkdtemp(prefix="loadtest-scale-")
    line = command(binary, scenario, out, sets)
    print("$", *line, file=sys.stderr)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["taskset", "-c", "1", *line] if pinned else line, stdout=subprocess.DEVNULL, check=False)
    return finished(out, before)


def children(pid: int) -> dict[str, int]:
    """The servers that the run has started, by name."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
        if len(words) > 2:
            found[words[2]] = int(child)
    return found


def run_watched(binary: Path, sets: dict[str, str]) -> tuple[Finished, Footprint, Footprint]:
    """A run with the footprints of the generator and of the practice server."""
    out = tempfile.mkdtemp(prefix="loadtest-scale-")
    line = command(binary, HERE / "scenarios/users.toml", out, sets)
    print("$", *line, file=sys.stderr)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    generator, server = Footprint(), Footprint()
    while process.poll() is None:
        generator.look(process.pid)
        try:
            for name, pid in children(process.pid).items():
                if name == "practice-server":
                    server.look(pid)
        except OSError:
            pass
        time.sleep(1)
    return finished(out, before), generator, server


def rates(binary: Path, server: Path) -> None:
    echo = subprocess.Popen(
        ["taskset", "-c", "0", str(server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    os.environ["PEER_URL"] = json.loads(echo.stdout.readline())["url"]
    print("\n| arrivals per second | rate held | dropped | lag p50 | lag p99 | CPU per request |\n|---|---|---|---|---|---|")
    points = []
    for rate in RATES:
        sets = {"load.rate": f"{rate}/s"}
        scenario = ROOT / "benches/peers/scenarios/open.toml"
        short = run(binary, scenario, sets | {"load.duration": "2s"}, pinned=True)
        long = run(binary, scenario, sets | {"load.duration": "8s"}, pinned=True)
        requests = long.record["requests"]["total"] - short.record["requests"]["total"]
        micros = (long.cpu_s - short.cpu_s) * 1e6 / requests
        lag = long.record["metrics"]["scheduling_lag"]
        held = long.record["requests"]["total"] / 8
        print(
            f"| {rate:,} | {held:,.0f} | {long.record['iterations']['dropped']:,} | {lag['p50'] * 1e3:.0f} µs "
            f"| {lag['p99'] * 1e3:.0f} µs | {micros:.1f} µs |"
        )
        points.append((rate, micros))
    echo.stdin.close()
    plot.line(ROOT / "docs/scale/cpu.svg", "CPU per request of the generator", "arrivals per second", "µs", points)


def users(binary: Path) -> None:
    print(
        "\n| users at once | generator | per user | practice server | per user | generator CPU | delivery p50 / p95 / p99 "
        "| errors |\n|---|---|---|---|---|---|---|---|"
    )
    mine, theirs, base = [], [], None
    for count in USERS:
        sets = {"load.rate": f"{count // STAY_S}/s"}
        ended, generator, server = run_watched(binary, sets)
        record = ended.record
        peak = record["generator"]["vus_peak"]
        sizes = (generator.resident_kib, server.resident_kib)
        base = base or (peak, sizes)
        slopes = [
            f"{(now - first) / (peak - base[0]):.1f} KiB" if peak > base[0] else "–"
            for now, first in zip(sizes, base[1])
        ]
        latency = record["metrics"]["realtime_latency"]
        worker = record["generator"]["workers"][0]
        print(
            f"| {peak:,} | {sizes[0] / 1024:.0f} MiB | {slopes[0]} | {sizes[1] / 1024:.0f} MiB | {slopes[1]} "
            f"| {worker['cpu_ms'] / worker['wall_ms']:.1%} of a core | {latency['p50']:.1f} / {latency['p95']:.1f} / "
            f"{latency['p99']:.1f} ms | {record['requests']['failed']:,} |"
        )
        mine.append((peak, sizes[0] / 1024))
        theirs.append((peak, sizes[1] / 1024))
    plot.line(ROOT / "docs/scale/memory.svg", "Memory of the generator", "users at once", "MiB", mine)
    plot.line(ROOT / "docs/scale/server-memory.svg", "Memory of the practice server", "users at once", "MiB", theirs)


def sizes(binary: Path) -> None:
    print("\n| load for | requests | run.json | report.html |\n|---|---|---|---|")
    stored, shown = [], []
    for length in LENGTHS_S:
        ended = run(binary, HERE / "scenarios/sizes.toml", {"load.duration": f"{length}s"})
        files = [(ended.folder / name).stat().st_size for name in ("run.json", "report.html")]
        print(
            f"| {length} s | {ended.record['requests']['total']:,} | {files[0] / MEBIBYTE:.2f} MiB "
            f"| {files[1] / MEBIBYTE:.2f} MiB |"
        )
        stored.append((length, files[0] / MEBIBYTE))
        shown.append((length, files[1] / MEBIBYTE))
    plot.line(ROOT / "docs/scale/run-json.svg", "Size of run.json", "seconds of load", "MiB", stored)
    plot.line(ROOT / "docs/scale/report-html.svg", "Size of report.html", "seconds of load", "MiB", shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=["rates", "users", "sizes"])
    parser.add_argument("--loadtest", type=Path, default=ROOT / "target/release/loadtest")
    parser.add_argument("--server", type=Path, default=ROOT / "target/release/peer-server")
    arguments = parser.parse_args()
    (ROOT / "docs/scale").mkdir(parents=True, exist_ok=True)
    if "rates" in arguments.parts:
        rates(arguments.loadtest, arguments.server)
    if "users" in arguments.parts:
        users(arguments.loadtest)
    if "sizes" in arguments.parts:
        sizes(arguments.loadtest)


if __name__ == "__main__":
    main()
