"""The servers that are sent load: the small test server, and the practice servers for the journey."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .machine import SERVER_CORE, cpu_seconds, pinned
from .model import ROOT


@dataclass(frozen=True)
class Count:
    """How many requests the test server has had, and when by its own clock (nanoseconds)."""

    requests: int
    first_ns: int
    last_ns: int
    now_ns: int

    @property
    def rate(self) -> float | None:
        span_s = (self.last_ns - self.first_ns) / 1e9
        return (self.requests - 1) / span_s if self.requests > 1 and span_s > 0 else None


class Server:
    """A server process that prints a ready line and ends with its standard input."""

    def __init__(self, argv: list[str], environment: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            pinned(SERVER_CORE, argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
            cwd=ROOT,
            text=True,
        )
        assert self._process.stdin and self._process.stdout, "both are pipes"
        self._lifeline = self._process.stdin
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{argv[0]} ended before it was ready, with code {self._process.wait()}")
        self.url = str(json.loads(line)["url"]).rstrip("/")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def post(self, path: str) -> None:
        request = urllib.request.Request(self.url + path, data=b"", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    def stall(self, seconds: float) -> float:
        """Freezes the whole process, as a stopped virtual machine would be. Returns for how long it really was."""
        stopped = time.monotonic()
        self._process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self._process.send_signal(signal.SIGCONT)
        return time.monotonic() - stopped

    def stop(self) -> None:
        self._lifeline.close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class TestServer(Server):
    """The small server of benches/peers/server."""

    def __init__(self, binary: Path) -> None:
        super().__init__([str(binary)])

    def count(self) -> Count:
        return Count(**json.loads(self.get("/count")))

    def reset(self) -> None:
        self.post("/reset")


@contextmanager
def test_server(binary: Path) -> Iterator[TestServer]:
    server = TestServer(binary)
    try:
        yield server
    finally:
        server.stop()


# Made up for these measurements, for servers on loopback that live as long as one of them.
PRACTICE_SECRETS = {
    "PRACTICE_JWT_SECRET": "peers-measure-themselves-on-loopback-only",
    "PRACTICE_API_KEY": "peers-publishable-key",
    "CLASSCONNECT_API_KEY": "peers-classconnect-key",
    "CLASSCONNECT_WEBHOOK_SECRET": "whsec_cGVlcnMtd2ViaG9vay1zZWNyZXQtMzItYnl0ZXM=",
}


class PracticeServers:
    """`loadtest serve practice-server` with `loadtest serve mock-classconnect` behind it."""

    def __init__(self, loadtest: Path, plan: dict) -> None:
        serve = [str(loadtest), "serve"]
        self._mock = Server(
            [*serve, "mock-classconnect", "--exit-with-stdin", "--plan", json.dumps(plan)], PRACTICE_SECRETS
        )
        try:
            self._practice = Server(
                [
                    *serve,
                    "practice-server",
                    "--exit-with-stdin",
                    "--listen=127.0.0.1:0",
                    f"--classconnect-url={self._mock.url}",
                ],
                PRACTICE_SECRETS,
            )
        except BaseException:
            self._mock.stop()
            raise
        self.url = self._practice.url

    def submissions(self) -> int:
        """Recordings that the practice server has accepted so far."""
        total = 0.0
        for line in self._practice.get("/metrics").splitlines():
            if "submit-recording" in line and "_count" in line.partition("{")[0] and 'status="202"' in line:
                total += float(line.rsplit(" ", 1)[1])
        return int(total)

    def stop(self) -> None:
        self._practice.stop()
        self._mock.stop()


@contextmanager
def practice_servers(loadtest: Path, plan: dict) -> Iterator[PracticeServers]:
    servers = PracticeServers(loadtest, plan)
    try:
        yield servers
    finally:
        servers.stop()
