"""``make bad-calls``: a load of CALLS calls, one in a hundred made bad by the peer; exactly those must fail.

Each call lasts 2.5 to 5 s and is verified by its markers. Prints for each fault what the load said of it, and
every false verdict; exits 1 when there is one.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.faults import FAULTS, LOAD, Fault, Peers, write_users
from tests.support.process import Bot

__all__ = ["Judged", "judged", "placed"]

LONGEST_S = 6.0
"""How long a call and the sockets of its end are there."""
SPARE = 1.5
MARGIN_S = 120.0


@dataclass(frozen=True)
class Judged:
    """A call, what its peer did, and what the load says of it."""

    number: int
    fault: Fault | None
    verdict: str
    cause: str
    why: str

    @property
    def is_right(self) -> bool:
        """Whether the verdict is the deserved one, for the right cause."""
        if self.fault is None:
            return self.verdict == "pass"
        return self.verdict == "fail" and self.cause in self.fault.causes


def placed(
    folder: Path, peers: Peers, faults: Sequence[Fault | None], *options: object, lasts_s: float
) -> Bot:
    """The command, once it has placed a call for each of the faults."""
    write_users(folder / "users.csv", peers, faults)
    with Bot(
        *("load", "sip:nobody@127.0.0.1", *LOAD, "--calls", len(faults), "--users", "users.csv"),
        *("--out", "out", *options),
        folder=folder,
        environment=os.environ,
    ) as bot:
        bot.end(lasts_s)
    return bot


def judged(folder: Path, faults: Sequence[Fault | None]) -> list[Judged]:
    """The lines of ``calls.csv``, each with the fault of its call."""
    with (folder / "out" / "calls.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["number"]))
    return [
        Judged(int(row["number"]), faults[int(row["number"]) - 1], row["verdict"], row["cause"], row["why"])
        for row in rows
    ]


def chosen(calls: int, share: float, seed: int) -> list[Fault | None]:
    """Which call is bad and how: each fault in turn, at random places."""
    places = random.Random(seed).sample(range(calls), round(calls * share))
    bad = dict(zip(sorted(places), itertools.cycle(FAULTS), strict=False))
    return [bad.get(place) for place in range(calls)]


def table(found: Sequence[Judged]) -> Table:
    """What the load said of each fault."""
    shown = Table("peer", "calls", "failed", "causes", "false", title=f"{len(found)} calls")
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in found:
        groups[one.fault.name if one.fault is not None else "good"].append(one)
    for name, of_it in groups.items():
        causes = Counter(one.cause for one in of_it if one.cause)
        shown.add_row(
            name,
            str(len(of_it)),
            str(sum(one.verdict == "fail" for one in of_it)),
            ", ".join(f"{count} x {cause}" for cause, count in causes.most_common()),
            str(sum(not one.is_right for one in of_it)),
        )
    return shown


def main() -> int:
    """1 when a verdict was false or is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bad_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=8.0, help="calls per second")
    parser.add_argument("--bad", type=float, default=1.0, help="percentage of bad calls")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    faults = chosen(options.calls, options.bad / 100, options.seed)
    lasts_s = options.calls / options.rate + MARGIN_S
    at_once = int(options.rate * LONGEST_S * SPARE) + 8
    console = Console(width=130)
    with tempfile.TemporaryDirectory() as name, Peers(at_once, patience=lasts_s) as peers:
        folder = Path(name)
        bot = placed(folder, peers, faults, "--rate", options.rate, "--length", "2.5-5", lasts_s=lasts_s)
        found = judged(folder, faults)
    console.print(bot.stdout, markup=False, highlight=False)
    console.print(table(found))
    false = [one for one in found if not one.is_right]
    for one in false:
        peer = one.fault.name if one.fault is not None else "good"
        console.print(f"call {one.number} ({peer}): {one.verdict} {one.cause}: {one.why}", markup=False)
    missing = len(faults) - len(found)
    console.print(f"{len(found)} verdicts, {len(false)} of them false; {missing} missing")
    return int(bool(false or missing))


if __name__ == "__main__":
    sys.exit(main())
