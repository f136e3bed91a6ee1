"""The tables as Markdown."""

import math
from collections.abc import Callable

from .measure import Measured
from .tables import STALL_RATE, STALL_SECONDS, Row, Settings, true_percentile_ms

Read = Callable[[Measured], float | None]
OWN = "loadtest"


def _number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    return "∞" if math.isinf(value) else f"{value:,.{digits}f}"


def _spread(row: Row, read: Read, digits: int = 2) -> str:
    """The median, with the smallest and the largest round when there are several."""
    values = row.values(read)
    if not values:
        return "–"
    middle = _number(row.median(read), digits)
    if len(values) == 1:
        return middle
    return f"{middle} [{_number(min(values), digits)}–{_number(max(values), digits)}]"


def _table(header: list[str], lines: list[list[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def _failures(rows: list[Row]) -> str:
    """Rounds that came to nothing, in words."""
    lines = [
        f"- {row.tool}, {row.case}: {len(row.errors)} of {len(row.rounds)} rounds failed; the last one {row.errors[-1]}"
        for row in rows
        if row.errors
    ]
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def _by_tool(rows: list[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.tool, {})[row.case] = row
    return found


def _ratio(row: Row, own: Row | None, read: Read) -> str:
    mine, ours = row.median(read), own.median(read) if own else None
    return f"{mine / ours:.2f}" if mine and ours else "–"


def _said(name: str) -> Read:
    return lambda measured: getattr(measured.said, name)


def _rate(measured: Measured) -> float | None:
    return measured.requests_per_second


def _cpu(measured: Measured) -> float | None:
    return measured.cpu_us_per_request


def _rss(measured: Measured) -> float | None:
    return measured.rss_mb


def closed(rows: list[Row], _settings: Settings) -> str:
    """Cheapest first, by the CPU of a GET."""
    header = ["tool"]
    for case in ("GET", "POST"):
        header += [f"{case} req/s", f"{case} client CPU µs/req", f"× {OWN}", "server core"]
    by_tool = _by_tool(rows)
    own = by_tool.get(OWN, {})
    lines = []
    for tool, cases in sorted(by_tool.items(), key=lambda item: item[1]["GET"].median(_cpu) or float("inf")):
        line = [tool]
        for name, row in cases.items():
            share = row.median(lambda measured: measured.server_core_share)
            line += [
                _number(row.median(_rate), 0),
                _spread(row, _cpu),
                _ratio(row, own.get(name), _cpu),
                _number(share),
            ]
        lines.append([*line, _number(cases["GET"].median(_rss), 0)])
    return _table([*header, "RSS MB"], lines) + _failures(rows)


def open_loop(rows: list[Row], _settings: Settings) -> str:
    header = ["tool", "rate held", "p50 ms", "p95 ms", "p99 ms", "max ms", "dropped", "client CPU µs/req"]
    header += ["scheduling lag p50 / p99 ms"]
    parts = []
    for case in dict.fromkeys(row.case for row in rows):
        lines = []
        for row in (row for row in rows if row.case == case):
            lag = [row.median(_said("lag_p50")), row.median(_said("lag_p99"))]
            lines.append(
                [
                    row.tool,
                    _number(row.median(_rate), 0),
                    *(_spread(row, _said(name)) for name in ("p50", "p95", "p99")),
                    _number(row.median(_said("max")), 1),
                    _number(row.median(_said("dropped")), 0),
                    _spread(row, _cpu),
                    " / ".join(_number(value) for value in lag) if lag[0] is not None else "–",
                ]
            )
        parts.append(f"`{case}`\n\n{_table(header, lines)}")
    return "\n".join(parts) + _failures(rows)


def stall(rows: list[Row], settings: Settings) -> str:
    names = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
    truth = {name: true_percentile_ms(settings, percentile) for name, percentile in names.items()}
    header = ["tool", "rate held", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms", "dropped", "p99 ÷ truth"]
    times = [*truth.values(), STALL_SECONDS * 1000]
    lines = [["*truth*", _number(STALL_RATE, 0), *(_number(value, 0) for value in times), "0", "1.00"]]
    for row in rows:
        p99 = row.median(_said("p99"))
        lines.append(
            [
                row.tool,
                _number(row.median(_rate), 0),
                *(_spread(row, _said(name), 1) for name in (*names, "max")),
                _number(row.median(_said("dropped")), 0),
                _number(p99 / truth["p99"] if p99 is not None and truth["p99"] else None),
            ]
        )
    return _table(header, lines) + _failures(rows)


def memory(rows: list[Row], settings: Settings) -> str:
    few, many = settings.user_counts
    header = ["tool", f"RSS MB at {few:,} users", f"RSS MB at {many:,} users", "KB per further user"]
    lines = []
    for tool, cases in _by_tool(rows).items():
        low, high = (row.median(_rss) for row in cases.values())
        slope = (high - low) * 1000 / (many - few) if low is not None and high is not None else None
        lines.append([tool, _number(low, 1), _number(high, 1), _number(slope, 1)])
    return _table(header, lines) + _failures(rows)


def journey(rows: list[Row], _settings: Settings) -> str:
    header = ["tool", "journeys completed", "failed", "client CPU ms per journey", f"× {OWN}", "RSS MB"]
    header += ["result p50 ms", "result p95 ms"]
    own = next((row for row in rows if row.tool == OWN), None)
    lines = [
        [
            row.tool,
            _number(row.median(_said("completed")), 0),
            _number(row.median(_said("failed")), 0),
            _spread(row, lambda measured: measured.cpu_us_per_request and measured.cpu_us_per_request / 1000),
            _ratio(row, own, _cpu),
            _number(row.median(_rss), 0),
            _number(row.median(_said("p50")), 0),
            _number(row.median(_said("p95")), 0),
        ]
        for row in rows
    ]
    return _table(header, lines) + _failures(rows)


TABLES = {
    1: ("Closed loop: 64 users on a connection each", closed),
    2: ("Open loop: a fixed rate", open_loop),
    3: ("A server that stands still for a second, twice", stall),
    4: ("Memory of a user: a kept connection, a request every ten seconds", memory),
    5: ("The practice journey: HTTP, a realtime socket, results that come by webhook", journey),
}


def document(
    machine: dict[str, str],
    versions: dict[str, str],
    skipped: dict[str, str],
    settings: Settings,
    tables: dict[int, list[Row]],
) -> str:
    """Everything, with the commands at the end."""
    parts = ["# Load tools side by side\n"]
    parts.append("; ".join(f"{key}: {value}" for key, value in machine.items()) + f"; rounds: {settings.rounds}\n")
    parts.append(_table(["tool", "version"], [[name, version] for name, version in versions.items()]))
    if skipped:
        parts.append("Not measured: " + "; ".join(f"{tool} ({reason})" for tool, reason in skipped.items()) + ".\n")
    for number, rows in tables.items():
        title, render = TABLES[number]
        parts.append(f"## {number}. {title}\n")
        parts.append(render(rows, settings))
    parts.append("## Commands\n")
    for number, rows in tables.items():
        parts.append(f"Table {number}\n\n```sh\n" + "\n".join(row.command for row in rows) + "\n```\n")
    return "\n".join(parts)
