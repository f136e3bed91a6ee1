"""Tools written in C, from Debian: the floor of what a request costs. They know one loop and one URL."""

import re
from pathlib import Path

from ..model import PEERS, Launch, Load, Model, Said, Tool, body_file


class Wrk(Tool):
    name = "wrk"
    program = "wrk"
    tables = frozenset({1})

    def version_command(self) -> list[str]:
        return ["wrk", "-v"]

    def launch(self, load: Load, folder: Path) -> Launch:
        script = ["-s", str(PEERS / "loads" / "wrk-post.lua")] if load.posts else []
        return Launch(
            ["wrk", "-t1", f"-c{load.users}", f"-d{load.seconds:g}s", "--latency", *script, load.url],
            {"PEER_BODY": str(body_file())} if load.posts else {},
        )


class H2load(Tool):
    """With --rps, every one of its clients keeps its own pace and waits for its answer."""

    name = "h2load"
    program = "h2load"
    tables = frozenset({1, 2, 3})

    def launch(self, load: Load, folder: Path) -> Launch:
        argv = ["h2load", "--h1", "-t1", f"-c{load.users}", f"-D{load.seconds:g}"]
        if load.model is Model.OPEN:
            argv.append(f"--rps={load.rate / load.users:g}")
        if load.posts:
            argv += ["-d", str(body_file()), "-H", "content-type: application/json"]
        return Launch([*argv, load.url])

    def said(self, folder: Path, output: str) -> Said:
        # This version tells no percentiles: smallest, largest, mean.
        found = re.search(r"time for request:\s+\S+\s+([\d.]+)(us|ms|s)", output)
        if not found:
            return Said()
        return Said(max=float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]])


class Ab(Tool):
    name = "ab"
    program = "ab"
    tables = frozenset({1})

    def version_command(self) -> list[str]:
        return ["ab", "-V"]

    def launch(self, load: Load, folder: Path) -> Launch:
        # -t sets the count to 50,000, so the true bound has to follow it: more than one core can send.
        argv = ["ab", "-k", "-q", "-c", str(load.users), "-t", f"{load.seconds:.0f}"]
        argv += ["-n", str(int(300_000 * load.seconds))]
        if load.posts:
            argv += ["-p", str(body_file()), "-T", "application/json"]
        return Launch([*argv, load.url])


class Siege(Tool):
    name = "siege"
    program = "siege"
    tables = frozenset({1})

    def launch(self, load: Load, folder: Path) -> Launch:
        settings = folder / "siegerc"
        # Without this file it closes the connection after every answer, and keeps a log in the home folder.
        settings.write_text(
            "protocol = HTTP/1.1\nconnection = keep-alive\nverbose = false\nlogging = false\n"
            f"limit = {load.users}\nparser = false\nshow-logfile = false\n",
            encoding="utf-8",
        )
        url = f"{load.url} POST <{body_file()}" if load.posts else load.url
        argv = ["siege", "-R", str(settings), "-c", str(load.users), "-b", "-t", f"{load.seconds:.0f}S"]
        if load.posts:
            argv.append("--content-type=application/json")
        return Launch([*argv, url])
