"""Tools written in Python: Locust, with its fast HTTP client."""

import csv
from pathlib import Path

from ..model import CACHE, PEERS, Launch, Load, Model, Said, Tool, body_text

# How long the last users may take.
_JOURNEY_SECONDS_MAX = 30


class Locust(Tool):
    """Users are always a closed loop; a rate is many users who each keep a pace."""

    name = "locust"
    program = CACHE / "python" / "bin" / "locust"
    tables = frozenset({1, 2, 3, 4, 5})

    def launch(self, load: Load, folder: Path) -> Launch:
        environment = {"PEER_MODEL": load.model.value, "PEER_PATH": load.path, **load.environment}
        if load.posts:
            environment["PEER_BODY"] = body_text()
        users, per_second, seconds = load.users, load.users, load.seconds
        match load.model:
            case Model.OPEN:
                # Enough users that each has time for its answer.
                users = per_second = max(200, load.rate // 25)
                environment["PEER_RATE_PER_USER"] = f"{load.rate / users:g}"
            case Model.USERS:
                per_second = int(load.users / load.ramp_seconds)
            case Model.JOURNEY:
                # One user for each journey; the file ends the run with the last of them.
                users, per_second = int(load.rate * load.seconds), load.rate
                seconds += _JOURNEY_SECONDS_MAX
                environment["PEER_JOURNEYS"] = str(users)
        file = "journeys/locust_journey.py" if load.model is Model.JOURNEY else "loads/locust_request.py"
        argv = [str(self.program), "-f", str(PEERS / file), "--headless", "-H", load.base]
        argv += ["-u", str(users), "-r", str(per_second), "-t", f"{seconds:.0f}s"]
        argv += ["--only-summary", "-L", "WARNING", "--csv", str(folder / "locust")]
        return Launch(argv, environment)

    def said(self, folder: Path, output: str) -> Said:
        with (folder / "locust_stats.csv").open(encoding="utf-8", newline="") as file:
            rows = {row["Name"]: row for row in csv.DictReader(file)}
        times = rows.get("result_turnaround") or rows["Aggregated"]
        journeys = rows.get("journey")

        def at(column: str) -> float | None:
            return None if times[column] == "N/A" else float(times[column])

        said = Said(p50=at("50%"), p95=at("95%"), p99=at("99%"), p999=at("99.9%"), max=at("Max Response Time"))
        if journeys:
            said.failed = int(journeys["Failure Count"])
            said.completed = int(journeys["Request Count"]) - said.failed
        return said
