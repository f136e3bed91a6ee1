"""What is asked of a tool, how it is started, and what it says at the end."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / "benches" / "peers"
CACHE = ROOT / "target" / "peers"


class Model(Enum):
    """How requests come about."""

    CLOSED = "closed"  # a user sends the next request when the answer has come
    OPEN = "open"  # a request is due at its time, whatever became of those before
    USERS = "users"  # many users on a kept connection each, who rarely send anything
    JOURNEY = "journey"  # new users at a rate, each of whom goes through the practice journey


@dataclass(frozen=True)
class Load:
    """One piece of work, the same for every tool."""

    model: Model
    base: str
    seconds: float
    path: str = "/fast"
    users: int = 64
    # Open model: how many requests may be waiting at once, for tools that must know beforehand.
    users_max: int = 64
    rate: int = 0
    ramp_seconds: float = 0.0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.base + self.path

    @property
    def posts(self) -> bool:
        return self.path == "/echo"


@dataclass(frozen=True)
class Launch:
    """A command line. What is `endless` has to be told when to stop."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    endless: bool = False


@dataclass
class Said:
    """What a tool itself reported; times in milliseconds, `None` where it says nothing."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None
    dropped: int | None = None
    lag_p50: float | None = None
    lag_p99: float | None = None
    completed: int | None = None
    failed: int | None = None


class Tool(ABC):
    """A load tool: the tables that it can take part in, its command lines, and how its report is read."""

    name: str
    tables: frozenset[int]
    program: str | Path

    @property
    def key(self) -> str:
        """The name that `--only` takes: a variant is chosen with its tool."""
        return self.name.partition(" ")[0]

    def version_command(self) -> list[str]:
        return [str(self.program), "--version"]

    @abstractmethod
    def launch(self, load: Load, folder: Path) -> Launch:
        """The command line for this work; what the tool writes goes to `folder`."""

    def said(self, folder: Path, output: str) -> Said:
        """Reads the tool's report, from its standard output or from what it wrote."""
        return Said()


def body_file() -> Path:
    """The body of every POST: 293 bytes of JSON."""
    return PEERS / "loads" / "body.json"


def body_text() -> str:
    return body_file().read_text(encoding="utf-8")
