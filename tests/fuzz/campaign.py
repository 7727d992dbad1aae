"""Many batches against one agent after another, until enough was sent; deaths are written down."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.attack import Attack, Caller
from tests.fuzz.target import HOST, Target

__all__ = ["Result", "campaign", "table"]

ASSERTION = re.compile(r"([\w.]+:\d+: \w+: Assertion .*? failed)")
PROGRESS = 10_000
"""Datagrams between two lines about the progress."""


@dataclass
class Result:
    """What came of it."""

    kind: str
    sent: int = 0
    calls: int = 0
    answered: int = 0
    deaths: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def campaign(kind: type[Attack], count: int, random: Random, out: Path, host: str = HOST) -> Result:
    """Send ``count`` datagrams or messages; an agent that dies is replaced.

    An agent at a host that is no loopback address takes part in ICE now and then.
    """
    result = Result(kind.__name__)
    began = time.monotonic()
    while result.sent < count:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind((host, 0))
        settings: dict[str, object] = {
            "transports": ["udp", "tcp"],
            "srtp": random.choice(("optional", "off")),
        }
        settings["accept_transfers"] = random.random() < 0.5
        settings["reliable_provisional"] = random.choice(("supported", "preferred"))
        settings["follow_redirects"] = random.choice((0, 2))
        settings["nat_ice"] = host != HOST and random.random() < 0.6
        if kind is Caller:
            settings |= {"registrar": f"sip:{host}:{own.getsockname()[1]}", "id": f"sip:t@{host}"}
            settings |= {"user": "u", "password": "p", "reliable_provisional": "supported"}
        with own, Target(host, **settings) as target:
            attack = kind(target, random, own)
            last = min(count, result.sent + kind.LIFE)
            while result.sent + attack.count < last:
                before = (result.sent + attack.count) // PROGRESS
                attack.batch()
                if (result.sent + attack.count) // PROGRESS != before:
                    print(
                        f"{kind.__name__}: {result.sent + attack.count} sent, {len(result.deaths)} deaths",
                        file=sys.stderr,
                        flush=True,
                    )
                if not attack.alive():
                    result.deaths.append(write_down(attack, out, len(result.deaths)))
                    print(f"{kind.__name__}: {result.deaths[-1]}", file=sys.stderr, flush=True)
                    break
            result.sent += attack.count
            result.calls += target.calls
            result.answered += target.answered
            result.refused.update(target.refused)
            result.failures.update(one.traceback.strip().splitlines()[-1] for one in target.failures)
    result.seconds = time.monotonic() - began
    return result


def write_down(attack: Attack, out: Path, number: int) -> str:
    """A file with what was sent last; the reason in one line."""
    dead = attack.target.dead
    log = "\n".join(dead.log) if dead is not None else ""
    found = ASSERTION.search(log)
    why = found[1] if found else (dead.reason if dead is not None else "it does not answer")
    out.mkdir(parents=True, exist_ok=True)
    name = f"{type(attack).__name__.lower()}-{int(time.time())}-{number}.json"
    sent = [[at, data.decode("latin-1")] for at, data in attack.sent]
    (out / name).write_text(json.dumps({"why": why, "log": log.splitlines()[-30:], "sent": sent}, indent=1))
    return f"{why} ({out / name})"


def table(results: list[Result], seed: int, seconds: float) -> str:
    """For people."""
    lines = [
        f"seed {seed}, {seconds:.0f} s",
        f"{'':8}{'sent':>9}{'calls':>8}{'answered':>10}{'refused':>9}{'raised':>8}{'deaths':>8}",
    ]
    for one in results:
        refused, raised = sum(one.refused.values()), sum(one.failures.values())
        lines.append(
            f"{one.kind:8}{one.sent:9}{one.calls:8}{one.answered:10}{refused:9}{raised:8}{len(one.deaths):8}"
        )
    for one in results:
        lines += [f"  {count:7} {rule}" for rule, count in one.refused.most_common()]
        lines += [f"  raised {count} times: {what}" for what, count in one.failures.most_common()]
        lines += [f"  death: {what}" for what in one.deaths]
    return "\n".join(lines)
