"""All tools, in the order in which a round takes them."""

from pathlib import Path

from ..model import Tool
from .classic import Ab, H2load, Siege, Wrk
from .golang import K6, Hey
from .javascript import Artillery, Autocannon
from .own import Loadtest
from .python import Locust
from .rust import Oha, Rewrk


def all_tools(loadtest: Path) -> list[Tool]:
    return [
        Loadtest(loadtest),
        Wrk(),
        H2load(),
        Ab(),
        Oha(),
        Oha(corrects=False),
        Rewrk(),
        Autocannon(),
        Autocannon(corrects=False),
        Hey(),
        Siege(),
        K6(),
        Locust(),
        Artillery(),
        Artillery(pooled=False),
    ]
