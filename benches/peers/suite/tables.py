"""The five tables: what each asks of the tools, in alternating rounds."""

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from . import measure
from .machine import BOTH_CORES, CLIENT_CORE
from .measure import Measured, Running, ToolFailed, running
from .model import Load, Model, Tool
from .servers import TestServer

STALLS_AT = (4.0, 14.0)
STALL_SECONDS = 1.0
STALL_RATE = 1000
THINK_SECONDS = 10.0


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    rounds: int
    closed_seconds: float
    open_seconds: float
    stall_run_seconds: float
    user_counts: tuple[int, int]
    ramp_seconds: float
    journey_rate: int
    journey_seconds: float

    @property
    def stalls_at(self) -> tuple[float, ...]:
        """The stalls that fall well inside the run."""
        return tuple(at for at in STALLS_AT if at + STALL_SECONDS + 1 <= self.stall_run_seconds)


@dataclass
class Row:
    """All rounds of one tool in one case."""

    tool: str
    case: str
    command: str = ""
    rounds: list[Measured] = field(default_factory=list)

    def values(self, read: Callable[[Measured], float | None]) -> list[float]:
        found = (read(measured) for measured in self.rounds if measured.error is None)
        return [value for value in found if value is not None]

    def median(self, read: Callable[[Measured], float | None]) -> float | None:
        values = self.values(read)
        return statistics.median(values) if values else None

    @property
    def errors(self) -> list[str]:
        return [measured.error for measured in self.rounds if measured.error is not None]

    def to_json(self) -> dict:
        """As stored; JSON knows no infinity."""
        stored = asdict(self)
        for measured in stored["rounds"]:
            said = measured["said"]
            measured["said"] = {key: str(value) if value == math.inf else value for key, value in said.items()}
        return stored


@dataclass(frozen=True)
class Case:
    """One column group of a table: the work, and how it is watched."""

    name: str
    load: Load
    watch: Callable[[Running], Measured]
    cores: str = CLIENT_CORE


def closed_cases(settings: Settings, server: TestServer) -> list[Case]:
    seconds = settings.closed_seconds
    asked = seconds + 2 * measure.SETTLE_SECONDS
    return [
        Case(
            name,
            Load(Model.CLOSED, server.url, seconds=asked, path=path),
            lambda process: measure.closed_loop(process, server, seconds),
        )
        for name, path in (("GET", "/fast"), ("POST", "/echo"))
    ]


def open_cases(settings: Settings, server: TestServer) -> list[Case]:
    seconds = settings.open_seconds
    asked = (("/fast", 2_000), ("/fast", 10_000), ("/delay?ms=20", 2_000))
    return [
        Case(
            f"{path} at {rate:,}/s",
            Load(Model.OPEN, server.url, seconds=seconds, path=path, rate=rate),
            lambda process: measure.open_loop(process, server, seconds),
        )
        for path, rate in asked
    ]


def stall_cases(settings: Settings, server: TestServer) -> list[Case]:
    load = Load(Model.OPEN, server.url, seconds=settings.stall_run_seconds, rate=STALL_RATE, users_max=1_500)
    return [
        Case(
            f"{STALL_RATE:,}/s",
            load,
            lambda process: measure.stalled(process, server, settings.stalls_at, STALL_SECONDS),
        )
    ]


def memory_cases(settings: Settings, server: TestServer) -> list[Case]:
    ramp = settings.ramp_seconds
    # Longer than it can take: the tool is ended once its memory has been read.
    asked = measure.ALL_USERS_SECONDS + 2 * THINK_SECONDS
    return [
        Case(
            f"{users:,} users",
            Load(Model.USERS, server.url, seconds=asked, users=users, ramp_seconds=ramp),
            lambda process: measure.users_at_rest(process, server, THINK_SECONDS),
            BOTH_CORES,
        )
        for users in settings.user_counts
    ]


CASES = {1: closed_cases, 2: open_cases, 3: stall_cases, 4: memory_cases}


def run_once(tool: Tool, case: Case, row: Row) -> None:
    """One round of one tool; a tool that fails costs its own row only."""
    with running(tool, case.load, case.cores) as process:
        row.command = process.command
        try:
            measured = case.watch(process)
        except ToolFailed as failure:
            measured = Measured(error=str(failure))
    row.rounds.append(measured)


def alternate(
    tools: list[Tool], cases: list[Case], rounds: int, before: Callable[[], None], say: Callable[[str], None]
) -> Iterator[Row]:
    """Takes the tools in turn within each round, so that a machine that drifts drifts for all of them."""
    rows = {(tool.name, case.name): Row(tool.name, case.name) for case in cases for tool in tools}
    for round_number in range(1, rounds + 1):
        for case in cases:
            for tool in tools:
                before()
                row = rows[tool.name, case.name]
                run_once(tool, case, row)
                say(f"round {round_number}/{rounds}  {case.name:<22} {tool.name:<32} {_brief(row.rounds[-1])}")
    yield from rows.values()


def _brief(measured: Measured) -> str:
    if measured.error is not None:
        return measured.error
    parts = []
    if measured.requests_per_second is not None:
        parts.append(f"{measured.requests_per_second:,.0f}/s")
    if measured.cpu_us_per_request is not None:
        parts.append(f"{measured.cpu_us_per_request:,.2f} µs")
    if measured.said.p99 is not None:
        parts.append(f"p99 {measured.said.p99:,.2f} ms")
    if measured.rss_mb is not None:
        parts.append(f"{measured.rss_mb:,.0f} MB")
    return ", ".join(parts)


def true_percentile_ms(settings: Settings, percentile: float) -> float:
    """What a request meets that is due at even distances while the server stands still, by arithmetic.

    A request that is due `t` into a stall of length `s` waits `s - t`; all others are answered at once. The drain of
    the queue afterwards, some milliseconds, is left out.
    """
    share_stalled = len(settings.stalls_at) * STALL_SECONDS / settings.stall_run_seconds
    beyond = 1.0 - percentile / 100.0
    return max(0.0, STALL_SECONDS * (1.0 - beyond / share_stalled)) * 1000 if share_stalled else 0.0
