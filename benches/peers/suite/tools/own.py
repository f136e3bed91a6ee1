"""Our own tool."""

import json
import math
from pathlib import Path

from ..model import PEERS, Launch, Load, Model, Said, Tool, body_text


class Loadtest(Tool):
    """`loadtest run` on the scenario files beside this suite."""

    name = "loadtest"
    tables = frozenset({1, 2, 3, 4, 5})

    def __init__(self, program: Path) -> None:
        self.program = program

    def launch(self, load: Load, folder: Path) -> Launch:
        environment = {"PEER_URL": load.base, **load.environment}
        seconds = f"load.duration={load.seconds:g}s"
        match load.model:
            case Model.CLOSED if load.posts:
                # The scenario makes the JSON around the text.
                environment["PEER_TEXT"] = json.loads(body_text())["text"]
                scenario, changes = "closed-post", [seconds, f"load.vus={load.users}"]
            case Model.CLOSED:
                scenario, changes = "closed", [seconds, f"load.vus={load.users}"]
            case Model.OPEN:
                environment["PEER_PATH"] = load.path
                scenario, changes = "open", [seconds, f"load.rate={load.rate}/s"]
            case Model.USERS:
                plateau = load.seconds - load.ramp_seconds
                stages = ", ".join(
                    f'{{ target = {load.users}, duration = "{length:g}s" }}' for length in (load.ramp_seconds, plateau)
                )
                scenario, changes = "memory", [f"load.stages=[{stages}]"]
            case Model.JOURNEY:
                scenario, changes = "journey", [seconds, f"load.rate={load.rate}/s"]
        argv = [str(self.program), "run", str(PEERS / "scenarios" / f"{scenario}.toml")]
        for change in changes:
            argv += ["--set", change]
        return Launch([*argv, "--progress", "none", "--out", str(folder / "run")], environment)

    def said(self, folder: Path, output: str) -> Said:
        run = json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))
        iterations = run["iterations"]
        # For a journey it is the result that the user waits for; else every request.
        times = run["metrics"].get("result_turnaround") or run["metrics"]["response_time"]
        times = times["by_step"].get("await_result", times)
        # A closed loop has no intended times, and so no lag.
        lag = run["metrics"].get("scheduling_lag", {})

        def at(percentile: str) -> float | None:
            """A percentile among dropped arrivals is no number: they count as never answered."""
            return math.inf if times[percentile] is None and iterations["dropped"] else times[percentile]

        return Said(
            p50=at("p50"),
            p95=at("p95"),
            p99=at("p99"),
            p999=at("p999"),
            max=times["max"],
            dropped=iterations["dropped"],
            lag_p50=lag.get("p50"),
            lag_p99=lag.get("p99"),
            completed=iterations["succeeded"],
            failed=iterations["failed"] + iterations["unfinished"],
        )
