"""Runs one tool on one piece of work and takes its measure from outside."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .machine import CLIENT_CORE, Usage, pinned, usage
from .model import CACHE, ROOT, Launch, Load, Said, Tool
from .servers import TestServer

# Node and Python take seconds to start on a busy core.
_FIRST_REQUEST_SECONDS = 60.0
# Connections are opened and caches filled before the window opens.
SETTLE_SECONDS = 1.0
_ENDING_SECONDS = 180.0
# Thousands of users take a while to arrive on a busy machine.
ALL_USERS_SECONDS = 60.0
# A stall that lasts longer makes every percentile of its table longer.
_STALL_TOLERANCE = 0.05


class ToolFailed(Exception):
    """The tool did not do its work; the table shows the reason in place of figures."""


@dataclass
class Measured:
    """One run of one tool: what was seen from outside, and what the tool said."""

    requests_per_second: float | None = None
    cpu_us_per_request: float | None = None
    server_core_share: float | None = None
    rss_mb: float | None = None
    said: Said = field(default_factory=Said)
    error: str | None = None


def command_line(launch: Launch) -> str:
    """The command as one would type it, from the repository's root."""
    environment = [f"{key}={shlex.quote(value)}" for key, value in launch.environment.items()]
    return " ".join([*environment, shlex.join(launch.argv)]).replace(f"{ROOT}/", "")


class Running:
    """A tool at work, in a process group of its own."""

    def __init__(self, tool: Tool, load: Load, cores: str = CLIENT_CORE) -> None:
        self.folder = CACHE / "out" / tool.name.replace(" ", "-")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.load = load
        self.launch = tool.launch(load, self.folder)
        self.command = command_line(self.launch)
        self._tool = tool
        self._output = self.folder / "stdout"
        self._errors = self.folder / "stderr"
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                pinned(cores, self.launch.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env={**os.environ, **self.launch.environment},
                cwd=ROOT,
                start_new_session=True,
            )

    def usage(self) -> Usage:
        return usage(self._process.pid)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_for(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self.has_ended():
                raise ToolFailed(f"ended with code {self._process.returncode} before {what}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise ToolFailed(f"{what} did not come within {seconds:.0f} s: {self._last_words()}")
            time.sleep(0.02)

    def finish(self) -> Said:
        """Waits for the end, or brings it about, and reads what the tool said."""
        if self.launch.endless:
            self.kill()
            return Said()
        try:
            self._process.wait(timeout=_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ToolFailed(f"did not end within {_ENDING_SECONDS:.0f} s of its work") from None
        try:
            return self._tool.said(self.folder, self._output.read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError, KeyError) as error:
            raise ToolFailed(f"its report cannot be read ({error!r}): {self._last_words()}") from error

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _last_words(self) -> str:
        text = self._errors.read_text(errors="replace") + self._output.read_text(errors="replace")
        return " ".join(text.split())[-300:] or "it said nothing"


@contextlib.contextmanager
def running(tool: Tool, load: Load, cores: str = CLIENT_CORE) -> Iterator[Running]:
    process = Running(tool, load, cores)
    try:
        yield process
    finally:
        process.kill()


def steady_state(process: Running, server: TestServer, seconds: float) -> Measured:
    """The slopes between two moments, once the first request has come and things have settled."""
    process.wait_for(lambda: server.count().requests > 0, _FIRST_REQUEST_SECONDS, "the first request")
    time.sleep(SETTLE_SECONDS)
    before = (server.count(), server.cpu_seconds(), process.usage())
    time.sleep(seconds)
    after = (server.count(), server.cpu_seconds(), process.usage())
    requests = after[0].requests - before[0].requests
    elapsed = (after[0].now_ns - before[0].now_ns) / 1e9
    if requests == 0 or process.has_ended():
        raise ToolFailed("it stopped sending while it was measured")
    return Measured(
        requests_per_second=requests / elapsed,
        cpu_us_per_request=(after[2].cpu_seconds - before[2].cpu_seconds) / requests * 1e6,
        server_core_share=(after[1] - before[1]) / elapsed,
        rss_mb=after[2].rss_bytes / 1e6,
    )


def closed_loop(process: Running, server: TestServer, seconds: float) -> Measured:
    measured = steady_state(process, server, seconds)
    process.finish()
    return measured


def open_loop(process: Running, server: TestServer, seconds: float) -> Measured:
    """The rate is that of the whole run, by the server's count; the cost is that of the steady part."""
    measured = steady_state(process, server, max(1.0, seconds - 3 * SETTLE_SECONDS))
    measured.said = process.finish()
    measured.requests_per_second = server.count().rate
    return measured


def stalled(process: Running, server: TestServer, stalls_at: tuple[float, ...], stall_seconds: float) -> Measured:
    """An open loop during which the whole server stands still, at these times after the first request."""
    process.wait_for(lambda: server.count().requests > 0, _FIRST_REQUEST_SECONDS, "the first request")
    count = server.count()
    first = time.monotonic() - (count.now_ns - count.first_ns) / 1e9
    for at in stalls_at:
        time.sleep(max(0.0, first + at - time.monotonic()))
        took = server.stall(stall_seconds)
        if took > stall_seconds * (1 + _STALL_TOLERANCE):
            raise ToolFailed(f"the stall took {took:.2f} s: the machine is too busy to tell anything")
    said = process.finish()
    return Measured(requests_per_second=server.count().rate, said=said)


def users_at_rest(process: Running, server: TestServer, think_seconds: float) -> Measured:
    """Memory when every user has a connection and has been through one think time."""
    users = process.load.users
    process.wait_for(lambda: server.count().requests >= users, ALL_USERS_SECONDS, f"the first request of {users} users")
    time.sleep(think_seconds + SETTLE_SECONDS)
    if process.has_ended():
        raise ToolFailed("it ended before its memory could be read")
    return Measured(rss_mb=process.usage().rss_bytes / 1e6, requests_per_second=server.count().rate)
