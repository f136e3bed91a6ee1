"""Table 5: the practice journey, against the practice server and the mock of ClassConnect."""

import time
from collections.abc import Callable
from pathlib import Path

from .measure import Measured, Running, ToolFailed
from .model import Load, Model, Tool
from .servers import PRACTICE_SECRETS, PracticeServers, practice_servers
from .tables import Case, Row, Settings, run_once

RECORDINGS_PER_JOURNEY = 3
# Until the first users are through: improvement, extraction and three results of about a second, four think times.
_FILLING_SECONDS = 12.0
_FIRST_RECORDING_SECONDS = 60.0


def _watch(process: Running, servers: PracticeServers, settings: Settings) -> Measured:
    """CPU per journey while as many users leave as arrive; three recordings, by the server's count, are one journey."""
    process.wait_for(lambda: servers.submissions() > 0, _FIRST_RECORDING_SECONDS, "the first recording")
    first = time.monotonic()
    filling = min(_FILLING_SECONDS, settings.journey_seconds / 2) - 4.0
    time.sleep(max(1.0, filling))
    before = (servers.submissions(), process.usage())
    # The first recording comes some four seconds after the first user; the last user after `journey_seconds`.
    time.sleep(max(2.0, settings.journey_seconds - 5.0 - (time.monotonic() - first)))
    after = (servers.submissions(), process.usage())
    journeys = (after[0] - before[0]) / RECORDINGS_PER_JOURNEY
    if journeys <= 0:
        raise ToolFailed("no recording was sent while it was measured")
    return Measured(
        cpu_us_per_request=(after[1].cpu_seconds - before[1].cpu_seconds) / journeys * 1e6,
        rss_mb=after[1].rss_bytes / 1e6,
        said=process.finish(),
    )


def journey_rows(tools: list[Tool], settings: Settings, loadtest: Path, say: Callable[[str], None]) -> list[Row]:
    """New servers for every run: a database that has grown would favour whoever came first."""
    credentials = {name: PRACTICE_SECRETS[name] for name in ("PRACTICE_API_KEY", "PRACTICE_JWT_SECRET")}
    name = f"{settings.journey_rate}/s"
    rows = [Row(tool.name, name) for tool in tools]
    for round_number in range(1, settings.rounds + 1):
        for tool, row in zip(tools, rows, strict=True):
            with practice_servers(loadtest, {}) as servers:
                load = Load(
                    Model.JOURNEY,
                    servers.url,
                    seconds=settings.journey_seconds,
                    rate=settings.journey_rate,
                    environment=credentials,
                )
                run_once(tool, Case(name, load, lambda process: _watch(process, servers, settings)), row)
            done = row.rounds[-1]
            cost_ms = (done.cpu_us_per_request or 0) / 1000
            brief = done.error or f"{cost_ms:.2f} ms per journey, {done.said.completed} completed"
            say(f"round {round_number}/{settings.rounds}  {name:<22} {tool.name:<32} {brief}")
    return rows
