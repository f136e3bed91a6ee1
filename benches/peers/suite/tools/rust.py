"""Tools written in Rust: oha and rewrk."""

import json
from pathlib import Path

from ..model import CACHE, Launch, Load, Model, Said, Tool, body_file, body_text

_BIN = CACHE / "cargo" / "bin"


class Oha(Tool):
    """Latency counts from the intended start only with --latency-correction."""

    program = _BIN / "oha"

    def __init__(self, corrects: bool = True) -> None:
        self._corrects = corrects
        self.name = "oha" if corrects else "oha without --latency-correction"
        self.tables = frozenset({1, 2, 3} if corrects else {3})

    def launch(self, load: Load, folder: Path) -> Launch:
        argv = [str(self.program), "-z", f"{load.seconds:g}s", "-c", str(load.users)]
        argv += ["--no-tui", "--worker-threads", "1", "--output-format", "json"]
        if load.model is Model.OPEN:
            argv += ["-q", str(load.rate)]
            if self._corrects:
                argv.append("--latency-correction")
        if load.posts:
            argv += ["-m", "POST", "-D", str(body_file()), "-T", "application/json"]
        return Launch([*argv, load.url])

    def said(self, folder: Path, output: str) -> Said:
        report = json.loads(output)
        times = {name: value * 1000 for name, value in report["latencyPercentiles"].items()}
        return Said(
            p50=times["p50"],
            p95=times["p95"],
            p99=times["p99"],
            p999=times["p99.9"],
            max=report["summary"]["slowest"] * 1000,
        )


class Rewrk(Tool):
    name = "rewrk"
    program = _BIN / "rewrk"
    tables = frozenset({1})

    def launch(self, load: Load, folder: Path) -> Launch:
        argv = [str(self.program), "-c", str(load.users), "-t", "1", "-d", f"{load.seconds:.0f}s", "-h", load.url]
        if load.posts:
            argv += ["-m", "POST", "-b", body_text(), "-H", "content-type: application/json"]
        return Launch(argv)
