"""``python -m tests.fuzz``: so many datagrams against agents, and a table of what happened."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from random import Random

from tests.fuzz.attack import Attack, Callee, Caller
from tests.fuzz.campaign import campaign, table
from tests.fuzz.streams import Framing, Media
from tests.fuzz.target import HOST


def main() -> int:
    """The number of deaths decides the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--callee", type=int, default=20_000, metavar="N", help="datagrams to an agent that answers"
    )
    parser.add_argument(
        "--caller", type=int, default=5_000, metavar="N", help="datagrams to an agent that calls"
    )
    parser.add_argument("--media", type=int, default=5_000, metavar="N", help="packets to media ports")
    parser.add_argument("--framing", type=int, default=2_000, metavar="N", help="messages over TCP")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="where deaths are written to")
    parser.add_argument(
        "--host", default=HOST, help="the agent's address; with ICE if it is no loopback address"
    )
    options = parser.parse_args()
    began = time.monotonic()
    kinds: list[tuple[type[Attack], int]] = [
        (Callee, options.callee),
        (Caller, options.caller),
        (Media, options.media),
        (Framing, options.framing),
    ]
    results = [
        campaign(kind, count, Random(f"{options.seed} {kind.__name__}"), options.out, options.host)
        for kind, count in kinds
        if count
    ]
    print(table(results, options.seed, time.monotonic() - began))
    return int(any(one.deaths for one in results))


if __name__ == "__main__":
    sys.exit(main())
