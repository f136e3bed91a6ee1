"""Tools written in JavaScript: autocannon and artillery."""

import json
from pathlib import Path

from ..model import CACHE, PEERS, Launch, Load, Model, Said, Tool, body_file

_MODULES = CACHE / "node" / "node_modules"


class Autocannon(Tool):
    """Corrects for coordinated omission unless told not to (-C)."""

    program = _MODULES / ".bin" / "autocannon"

    def __init__(self, corrects: bool = True) -> None:
        self._corrects = corrects
        self.name = "autocannon" if corrects else "autocannon with -C"
        self.tables = frozenset({1, 2, 3} if corrects else {3})

    def launch(self, load: Load, folder: Path) -> Launch:
        argv = [str(self.program), "-c", str(load.users), "-d", f"{load.seconds:.0f}", "-n", "-j"]
        if load.model is Model.OPEN:
            argv += ["-R", str(load.rate), *([] if self._corrects else ["-C"])]
        if load.posts:
            argv += ["-m", "POST", "-i", str(body_file()), "-H", "content-type=application/json"]
        return Launch([*argv, load.url])

    def said(self, folder: Path, output: str) -> Said:
        times = json.loads(output)["latency"]
        # It tells p90 and p97.5, no p95.
        return Said(p50=times["p50"], p99=times["p99"], p999=times["p99_9"], max=times["max"])


class Artillery(Tool):
    """Users who arrive; a closed loop is users who repeat their request until the tool is ended."""

    program = _MODULES / ".bin" / "artillery"

    def __init__(self, pooled: bool = True) -> None:
        self._pooled = pooled
        self.name = "artillery" if pooled else "artillery without a pool"
        self.tables = frozenset({1, 2, 3, 4, 5} if pooled else {3})

    def launch(self, load: Load, folder: Path) -> Launch:
        environment = {"ARTILLERY_DISABLE_TELEMETRY": "true", **load.environment}
        config: dict = {}
        match load.model:
            case Model.CLOSED:
                file = "loads/artillery-post.yml" if load.posts else "loads/artillery-loop.yml"
                # Everybody arrives in the first second.
                config = {"phases": [{"duration": 1, "arrivalCount": load.users}], "http": {"pool": load.users}}
                environment["PEER_TEXT"] = json.loads(body_file().read_text(encoding="utf-8"))["text"]
            case Model.OPEN:
                file = "loads/artillery-once.yml"
                config = {"phases": [{"duration": load.seconds, "arrivalRate": load.rate}]}
                if self._pooled:
                    config["http"] = {"pool": load.users}
            case Model.USERS:
                file = "loads/artillery-users.yml"
                config = {"phases": [{"duration": load.ramp_seconds, "arrivalCount": load.users}]}
            case Model.JOURNEY:
                file = "journeys/artillery.yml"
                config = {"phases": [{"duration": load.seconds, "arrivalRate": load.rate}]}
                # The processor takes the WebSocket client that artillery itself brings.
                environment["NODE_PATH"] = str(_MODULES)
        environment["PEER_PATH"] = load.path
        argv = [str(self.program), "run", "--quiet", "--target", load.base]
        argv += ["--overrides", json.dumps({"config": config}), "--output", str(folder / "artillery.json")]
        endless = load.model in (Model.CLOSED, Model.USERS)
        return Launch([*argv, str(PEERS / file)], environment, endless)

    def said(self, folder: Path, output: str) -> Said:
        aggregate = json.loads((folder / "artillery.json").read_text(encoding="utf-8"))["aggregate"]
        times = aggregate["summaries"].get("result_turnaround") or aggregate["summaries"]["http.response_time"]
        counters = aggregate["counters"]
        created = counters.get("vusers.created", 0)
        completed = counters.get("journeys_completed", 0)
        return Said(
            p50=times["median"],
            p95=times["p95"],
            p99=times["p99"],
            p999=times["p999"],
            max=times["max"],
            completed=completed,
            failed=created - completed,
        )
