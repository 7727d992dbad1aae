"""What a load calls: agents that return its audio, and peers that are bad on purpose, each in one way.

The user of the Request-URI names the fault of a call with an agent; a raw callee has a port for each call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.bots.base import called_user
from bot.bots.parrot import Parrot
from bot.fleet import Fleet
from bot.load.detail import GAP, LATE, MISSING, NO_BYE, UNHEARD
from bot.model import MediaState
from bot.ua import Call
from media.rtp.srtp import SrtpKey
from tests.bench.acting import Callee, Line, Part
from tests.bench.echo import Change, Echo, Returning, chopped, frames, later
from tests.bench.parts import AES_32, AES_256, described, insecure, nothing
from tests.bench.wire import AES_80, new_key
from tests.support.starting import LOOPBACK

__all__ = ["FAULTS", "LOAD", "Fault", "Peers", "write_users"]

LOAD = (
    *("--bind", LOOPBACK, "--codec", "PCMA", "--srtp", "mandatory"),
    *("--expect-suite", AES_80, "--ring-timeout", "3"),
)
"""Options of a load that finds all of them."""
SETTINGS: dict[str, Any] = {"bind": LOOPBACK, "codecs": ["PCMA"], "srtp": "mandatory"}
EARLY_S = 0.8
SECOND = 50
"""Packets."""
SOUNDS = {
    "silent": "silence:60",
    "other-audio": "silence:0.5,marker:60000,silence:1,marker:60000,silence:1,marker:60000,silence:60",
    "own-speech": "speech:60",
}
"""What is played in place of the echo."""
GOOD = "echo"

Raw = Callable[[float], Callee]


@dataclass(frozen=True)
class Fault:
    """A way in which a peer is bad, and the causes that the load may name for it."""

    name: str
    causes: frozenset[str]
    raw: Raw | None = None
    """The callee for one call, given how long it waits for it in seconds; None for an agent."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of agents of its own."""


def returning(
    change: Callable[[], Change] | None = None,
    *,
    key: Callable[[Line], SrtpKey | None] = lambda line: line.key,
    takes_bye: bool = True,
) -> Raw:
    """A callee that returns the audio so."""

    def raw(patience: float) -> Callee:
        echo = Echo(change(), key) if change is not None else Echo(key=key)
        return Returning(echo, takes_bye=takes_bye, patience=patience)

    return raw


def without(first_s: float, last_s: float) -> Raw:
    """A callee that drops these seconds of the audio."""
    return returning(lambda: frames(int(first_s * SECOND), int(last_s * SECOND)))


def acting(part: Part) -> Raw:
    """A callee of its own kind."""
    return lambda patience: Callee(part, patience=patience)


def fault(name: str, *causes: str, raw: Raw | None = None, **settings: Any) -> Fault:
    """A fault and its causes."""
    return Fault(name, frozenset(causes), raw, settings)


FAULTS = (
    fault("busy", "486 Busy Here"),
    fault("ringing", "no answer"),
    fault("hangs-up", "ended early"),
    fault("silent", "silence"),
    fault("other-audio", "wrong marker"),
    fault("own-speech", UNHEARD),
    fault("weaker-suite", "expectation: is encrypted", suites=[AES_32]),
    fault("unoffered-suite", "answer not accepted", raw=acting(Part(described(suite=AES_80, said=AES_256)))),
    fault("no-srtp", "answer not accepted", raw=acting(Part(insecure, nothing))),
    fault("plain-rtp", "encryption", raw=returning(key=lambda line: None)),
    fault("another-key", "encryption", raw=returning(key=lambda line: new_key())),
    fault("one-way", "media", raw=acting(Part(wire=nothing, stays=60.0))),
    fault("stops", GAP, "media", raw=without(1.2, 600.0)),
    fault("gap", GAP, raw=without(0.8, 1.5)),
    fault("chopped", MISSING, UNHEARD, raw=returning(lambda: chopped)),
    fault("late", LATE, raw=returning(lambda: later(SECOND))),
    fault("no-response-to-bye", NO_BYE, raw=returning(takes_bye=False)),
)
"""Every one is found by a load with the options ``LOAD``."""


class Misbehaving(Parrot):
    """Echoes, unless the called user is the name of a fault."""

    def on_incoming_call(self, call: Call) -> None:
        def end() -> None:
            call.hangup()

        match called_user(call):
            case "busy":
                call.answer(486)
            case "ringing":
                call.ring(180)
            case "hangs-up":
                call.answer()
                self.after(EARLY_S, end)
            case user if user in SOUNDS:
                call.answer()
                call.play(SOUNDS[user])
            case _:
                super().on_incoming_call(call)

    def on_media_state(self, call: Call, media: MediaState) -> None:
        if called_user(call) not in SOUNDS:
            super().on_media_state(call, media)


class Peers:
    """Context manager of all peers: agents for ``calls`` calls at once, raw callees as they are asked for."""

    def __init__(self, calls: int, *, patience: float) -> None:
        self._fleet = Fleet(name="peer", calls=calls, controller=Misbehaving, **SETTINGS)
        self._patience = patience
        self._others: dict[str, Fleet] = {}
        self._placed = 0

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._uris = self._stack.enter_context(self._fleet).uris
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def uri(self, fault: Fault | None) -> str:
        """Where the next call goes that is to have this fault, or none."""
        if fault is not None and fault.raw is not None:
            return self._stack.enter_context(fault.raw(self._patience)).uri
        if fault is not None and fault.settings:
            return self._other(fault).uris[0]
        self._placed += 1
        uri = self._uris[self._placed % len(self._uris)]
        return re.sub("sip:([^@]*@)?", f"sip:{fault.name if fault is not None else GOOD}@", uri, count=1)

    def _other(self, fault: Fault) -> Fleet:
        if fault.name not in self._others:
            fleet = Fleet(name=fault.name, calls=1, controller=Misbehaving, **SETTINGS | fault.settings)
            self._others[fault.name] = self._stack.enter_context(fleet)
        return self._others[fault.name]


def write_users(path: Path, peers: Peers, faults: Sequence[Fault | None]) -> None:
    """The file for ``--users``: a line for each call, in order."""
    path.write_text("\n".join(["to", *map(peers.uri, faults)]) + "\n")
