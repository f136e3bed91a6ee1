"""Tools written in Go: hey and k6."""

import json
import re
from pathlib import Path

from ..model import CACHE, PEERS, Launch, Load, Model, Said, Tool, body_file


class Hey(Tool):
    """With -q, every one of its workers keeps its own pace and waits for its answer."""

    name = "hey"
    program = "hey"
    tables = frozenset({1, 2, 3})

    def version_command(self) -> list[str]:
        return ["dpkg-query", "-W", "-f", "${Version}", "hey"]

    def launch(self, load: Load, folder: Path) -> Launch:
        argv = ["hey", "-c", str(load.users), "-z", f"{load.seconds:g}s"]
        if load.model is Model.OPEN:
            argv += ["-q", f"{load.rate / load.users:g}"]
        if load.posts:
            argv += ["-m", "POST", "-D", str(body_file()), "-T", "application/json"]
        return Launch([*argv, load.url])

    def said(self, folder: Path, output: str) -> Said:
        def after(pattern: str) -> float | None:
            found = re.search(pattern, output)
            return float(found[1]) * 1000 if found else None

        return Said(
            p50=after(r"50% in ([\d.]+) secs"),
            p95=after(r"95% in ([\d.]+) secs"),
            p99=after(r"99% in ([\d.]+) secs"),
            max=after(r"Slowest:\s+([\d.]+) secs"),
        )


class K6(Tool):
    name = "k6"
    program = CACHE / "python" / "bin" / "k6"
    tables = frozenset({1, 2, 3, 4, 5})

    def version_command(self) -> list[str]:
        return [str(self.program), "version"]

    def launch(self, load: Load, folder: Path) -> Launch:
        script = PEERS / ("journeys/k6.js" if load.model is Model.JOURNEY else "loads/k6.js")
        settings = {
            "MODEL": load.model.value,
            "URL": load.base if load.model is Model.JOURNEY else load.url,
            "SECONDS": f"{load.seconds:g}",
            "USERS": str(load.users_max if load.model is Model.OPEN else load.users),
            "RATE": str(load.rate),
            "RAMP_SECONDS": f"{load.ramp_seconds:g}",
        }
        if load.posts:
            settings["BODY"] = str(body_file())
        argv = [str(self.program), "run", "-q", f"--summary-export={folder / 'k6.json'}"]
        for key, value in settings.items():
            argv += ["-e", f"{key}={value}"]
        return Launch([*argv, str(script)], {"K6_NO_USAGE_REPORT": "true", **load.environment})

    def said(self, folder: Path, output: str) -> Said:
        metrics = json.loads((folder / "k6.json").read_text(encoding="utf-8"))["metrics"]
        times = metrics.get("result_turnaround") or metrics["http_req_duration"]
        counted = {name: int(metrics.get(name, {}).get("count", 0)) for name in COUNTERS}
        return Said(
            p50=times["med"],
            p95=times["p(95)"],
            p99=times["p(99)"],
            p999=times["p(99.9)"],
            max=times["max"],
            dropped=counted["dropped_iterations"],
            completed=counted["journeys_completed"],
            failed=counted["journeys_failed"],
        )


COUNTERS = ("dropped_iterations", "journeys_completed", "journeys_failed")
