"""Three endpoints and the calls among them, for the tests of transfers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bot import Call, Endpoint, expect
from media.audio.wav import write
from media.signals.signals import make
from tests.support.starting import NewEndpoint, connect

__all__ = ["Triangle", "hear_each_other", "mark", "received", "sent_by", "tag_of", "triangle"]

RATE = 8000


@dataclass
class Triangle:
    """A has a call with B, and one with C."""

    a: Endpoint
    b: Endpoint
    c: Endpoint
    to_b: Call
    at_b: Call
    to_c: Call
    at_c: Call


def triangle(new_endpoint: NewEndpoint, **settings: object) -> Triangle:
    """Three endpoints of which all accept transfers, and both calls of A."""
    a, b, c = (new_endpoint(name=name, accept_transfers=True, **settings) for name in "abc")
    to_b, at_b = connect(a, b)
    to_c, at_c = connect(a, c)
    return Triangle(a, b, c, to_b, at_b, to_c, at_c)


def mark(folder: Path, identity: int) -> Path:
    """A file with a marker in it."""
    path = folder / f"marker-{identity}.wav"
    write(path, make(f"silence:0.2,marker:{identity},silence:0.3", RATE))
    return path


def hear_each_other(one: Call, other: Call, folder: Path) -> None:
    """What each plays arrives at the other one."""
    for call in (one, other):
        expect(call).to_have_active_media()
    with one.record(folder / "one.wav") as at_one, other.record(folder / "other.wav") as at_other:
        playing = one.play(mark(folder, 1))
        other.play(mark(folder, 2)).wait()
        playing.wait()
    expect(at_other).to_contain_marker(1)
    expect(at_one).to_contain_marker(2)


def received(call: Call, start: str) -> list[str]:
    """The messages that this call received and that begin like that."""
    return [one.text for one in call.facts.messages if not one.sent and one.text.startswith(start)]


def sent_by(call: Call, start: str) -> list[str]:
    """Those that it sent."""
    return [traced.text for traced in call.facts.messages if traced.sent and traced.text.startswith(start)]


def tag_of(header: str | None) -> str:
    """The tag of a From or a To."""
    found = re.search(r";tag=([^;>]+)", header or "")
    assert found is not None, header
    return found[1]
