"""Reads from Linux what processes cost, and ties them to cores. Nothing here knows a tool."""

import os
import platform
import resource
import time
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE = "0"
CLIENT_CORE = "1"
BOTH_CORES = "0,1"
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """What a process and all its descendants have taken so far."""

    cpu_seconds: float
    rss_bytes: int


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it ended while we looked
            # The command's name, in parentheses, may hold anything; the parent comes second after it.
            parent = int(stat.rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        waiting.extend(parents.get(current, []))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, those that ended included, to the nanosecond.

    The kernel's clock of a process (clock_getcpuclockid) is used, because /proc counts in steps of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)


def usage(pid: int) -> Usage:
    """What the process tree has taken; processes that ended meanwhile count as nothing."""
    cpu, rss = 0.0, 0
    for member in tree(pid):
        try:
            cpu += cpu_seconds(member)
            rss += int(Path(f"/proc/{member}/statm").read_text(encoding="utf-8").split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            continue
    return Usage(cpu, rss)


def pinned(cores: str, argv: list[str]) -> list[str]:
    return ["taskset", "-c", cores, *argv]


def allow_many_files() -> None:
    """Thousands of users on a connection each need as many open files as the hard limit allows; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def description() -> dict[str, str]:
    """The machine, as far as it matters for the figures."""
    memory_kb = int(Path("/proc/meminfo").read_text(encoding="utf-8").split()[1])
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{memory_kb / 1024 / 1024:.0f} GiB",
        "kernel": platform.release(),
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
    }
