"""bot.expectations.call: active media, the codec and RTP packets."""

from __future__ import annotations

from typing import Any

import pytest

from bot import expect
from bot.errors import ExpectationFailed
from bot.ipc.commands import Measure
from bot.model import MediaDirection
from tests.support.call_assertions import NONE_READ, fails, passes, passes_later, verdicts
from tests.support.fakes import LONG, Line, Rig, audio, done, measured, while_waiting


def test_to_have_active_media(rig: Rig, line: Line) -> None:
    passes_later(
        rig, line.call, lambda it: it.to_have_active_media(timeout=LONG), lambda: line.media(audio())
    )


@pytest.mark.parametrize("direction", ["sendonly", "recvonly", MediaDirection.SENDONLY])
def test_to_have_active_media_in_a_direction(rig: Rig, talk: Line, direction: str) -> None:
    talk.media(audio(direction=MediaDirection(direction)))
    passes(rig, talk.call, lambda it: it.to_have_active_media(direction=direction, timeout=0))


def test_to_have_inactive_media(rig: Rig, talk: Line) -> None:
    talk.media(audio(active=False, direction=MediaDirection.INACTIVE))
    passes(rig, talk.call, lambda it: it.to_have_active_media(direction="inactive", timeout=0))


@pytest.mark.parametrize(
    ("state", "observed"),
    [
        (audio(active=False), "audio inactive, sendrecv"),
        (audio(direction=MediaDirection.RECVONLY), "audio active, recvonly"),
        (audio(kind="video"), "video active, sendrecv"),
    ],
)
def test_to_have_active_media_fails(rig: Rig, talk: Line, state: Any, observed: str) -> None:
    talk.media(state)
    text = fails(rig, talk.call, lambda it: it.to_have_active_media(timeout=0.05))
    assert f"observed: {observed}" in text


@pytest.mark.parametrize("name", ["PCMA", "pcma", "PCMA/8000"])
def test_to_use_codec(rig: Rig, line: Line, name: str) -> None:
    passes_later(rig, line.call, lambda it: it.to_use_codec(name, timeout=LONG), lambda: line.media(audio()))
    assert verdicts(rig)[0].observed == "PCMA/8000"


@pytest.mark.parametrize("name", ["PCMU", "PCMA/16000", "PCM"])
def test_to_use_another_codec_is_hopeless(rig: Rig, talk: Line, name: str) -> None:
    text = fails(rig, talk.call, lambda it: it.to_use_codec(name, timeout=LONG))
    assert f"expected: {name}" in text
    assert "it can no longer come true: the codec is PCMA/8000" in text


def test_to_have_used_codec(rig: Rig, talk: Line) -> None:
    talk.ended()
    passes(rig, talk.call, lambda it: it.to_use_codec("PCMA", timeout=0))


def count(rig: Rig, *counts: tuple[int, int]) -> None:
    """Each Measure finds the next of the counts, the last one for ever."""
    remaining = list(counts)

    def reply(number: int, command: Any) -> list[Any]:
        rx, tx = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return [measured(1, rx, tx), done(number)]

    rig.driver.reply_to(Measure, reply)


def test_to_have_received_packets(rig: Rig, talk: Line) -> None:
    count(rig, (0, 9), (3, 9), (10, 9))
    verdict = passes(rig, talk.call, lambda it: it.to_have_received_packets(at_least=10, timeout=LONG))
    assert (verdict.expected, verdict.observed) == ("at least 10 RTP packets", "10 packets")
    assert len(rig.driver.told(Measure)) == 3


def test_to_have_sent_packets(rig: Rig, talk: Line) -> None:
    count(rig, (0, 5))
    passes(rig, talk.call, lambda it: it.to_have_sent_packets(at_least=5, timeout=LONG))


def test_to_have_received_packets_in_vain(rig: Rig, talk: Line) -> None:
    count(rig, (0, 5))
    text = fails(rig, talk.call, lambda it: it.to_have_received_packets(timeout=0.15))
    assert "observed: 0 packets" in text
    assert "waited 0.15 s" in text


def test_to_have_received_packets_that_were_never_counted(rig: Rig, talk: Line) -> None:
    assert "0 packets" in fails(rig, talk.call, lambda it: it.to_have_received_packets(timeout=0))


def test_to_have_received_packets_is_hopeless_after_the_end(rig: Rig, talk: Line) -> None:
    count(rig, (0, 5))
    with while_waiting(rig.journal, talk.ended):
        text = fails(rig, talk.call, lambda it: it.to_have_received_packets(timeout=LONG))
    assert "the call ended: 200 OK, by remote" in text


def test_to_have_received_packets_counts_the_last_word(rig: Rig, talk: Line) -> None:
    talk.measured(300, 300, final=True)
    talk.ended()
    passes(rig, talk.call, lambda it: it.to_have_received_packets(at_least=300, timeout=0))


def test_to_have_received_packets_tells_of_those_that_were_refused(rig: Rig, talk: Line) -> None:
    talk.measured(0, 100, refused=NONE_READ)
    with pytest.raises(ExpectationFailed, match="0 packets; 150 packets came"):
        expect(talk.call).to_have_received_packets(timeout=0)
