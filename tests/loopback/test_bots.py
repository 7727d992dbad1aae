"""The ready-made bots with real calls: those that do one thing."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bot import Call, CallState, ConfigError, Endpoint, expect
from bot.bots import bot
from bot.bots.tone import write_sine
from bot.deadline import Deadline
from media.audio.wav import Audio, read
from media.compare.compare import compare
from media.compare.verdict import Options
from media.detect.call_progress import find_tones
from tests.support.starting import STARVED_MS, NewEndpoint, until


def talk(caller: Endpoint, uri: str) -> Call:
    """A call that is up."""
    call = caller.make_call(uri)
    expect(call).to_have_active_media()
    return call


def heard_for(call: Call, path: Path, seconds: float) -> Path:
    """What a call receives for a while."""
    with call.record(path):
        call.endpoint.wait_until(lambda: call.facts.ended is not None, Deadline(seconds))
    return path


# ---- parrot


def test_parrot_repeats_after_a_while(
    new_endpoint: NewEndpoint, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    callee = new_endpoint(controller=bot("parrot", delay=3))
    call = talk(new_endpoint(), callee.uri)
    call.play(speech)
    received = heard_for(call, tmp_path / "echo.wav", 6.3)
    comparison = compare(read(speech), read(received), options=Options(max_missing_ms=STARVED_MS))
    assert comparison.matched, comparison.reasons
    assert comparison.delay_ms is not None
    assert 2800 < comparison.delay_ms < 3800
    call.send_dtmf("#")
    expect(call).to_be_disconnected(code=200, by="remote")
    callee.close()
    assert callee.failure is None
    assert list(tmp_path.glob("parrot-*")) == []


def test_a_hash_ends_a_call_with_the_parrot(new_endpoint: NewEndpoint) -> None:
    call = talk(new_endpoint(), new_endpoint(controller=bot("parrot")).uri)
    call.send_dtmf("159#,").wait()  # a number, as people dial it
    assert call.state is CallState.CONFIRMED
    call.send_dtmf(",,,#")
    expect(call).to_be_disconnected(code=200, by="remote")


# ---- tone


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_milliwatt(codec: str, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    callee = new_endpoint(codecs=[codec], controller=bot("tone"))
    call = talk(new_endpoint(codecs=[codec]), callee.uri)
    received = find_tones(read(heard_for(call, tmp_path / "tone.wav", 2.0)))
    assert sum(one.end_s - one.start_s for one in received) > 1  # a busy machine's jitter buffer may cut it
    for one in received:
        assert one.frequencies == pytest.approx((1004,), abs=2)
        assert one.level_dbfs == pytest.approx(-3.17, abs=0.5)


def test_the_tone_has_no_seam(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    write_sine(1004, -3.17, 8000, path)
    once = read(path).samples
    [received] = find_tones(Audio(np.concatenate([once, once]), 8000))
    assert received.end_s - received.start_s > 19.9


# ---- ringer


def test_ringer_answers(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("ringer", answer_after=0.5))
    call = new_endpoint().make_call(callee.uri)
    expect(call).to_be_ringing()
    expect(call).to_be_confirmed()
    rung = call.facts.reached(CallState.EARLY)
    answered = call.facts.reached(CallState.CONFIRMED)
    assert rung is not None
    assert answered is not None
    assert 0.45 < answered.at - rung.at < 1.5


def test_ringer_gives_up(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("ringer", give_up_after=0.3, code=408, reason="Nobody Home"))
    call = new_endpoint().make_call(callee.uri)
    expect(call).to_be_disconnected(code=408, by="remote")
    assert call.facts.ended is not None
    assert call.facts.ended.reason == "Nobody Home"
    assert call.facts.reached(CallState.EARLY) is not None


def test_ringback_as_early_media_ends_at_the_answer(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    callee = new_endpoint(controller=bot("ringer", early_media=True, answer_after=1.5))
    call = new_endpoint().make_call(callee.uri)
    recording = call.record(tmp_path / "early.wav")
    expect(call).to_be_confirmed()
    call.endpoint.wait_until(lambda: False, Deadline(1.5))
    recording.stop()
    ringback = find_tones(read(recording.path))
    for one in ringback:  # a busy machine's jitter buffer may cut it
        assert sorted(one.frequencies) == pytest.approx([440, 480], abs=4)
    assert 1.0 < ringback[-1].end_s < 2.0
    assert callee.failure is None


# ---- reject, redirect


def test_rejecter_says_why_and_when_to_come_again(new_endpoint: NewEndpoint) -> None:
    callee = new_endpoint(controller=bot("reject", code="503", reason="Closed", retry_after=60))
    call = new_endpoint().make_call(callee.uri)
    expect(call).to_be_disconnected(code=503, by="remote")
    expect(call).to_have_header("Retry-After", "60")
    assert call.facts.ended is not None
    assert call.facts.ended.reason == "Closed"


def test_redirecter_names_the_contacts_and_no_other(new_endpoint: NewEndpoint) -> None:
    contacts = ["sip:bob@127.0.0.1:5099;transport=tcp", "sip:alice@example.org"]
    callee = new_endpoint(controller=bot("redirect", contact=contacts))
    call = new_endpoint().make_call(callee.uri)
    expect(call).to_be_disconnected(code=302, by="remote")
    responses = [traced.message for traced in call.facts.messages if traced.message.status == 302]
    assert [message.headers("Contact") for message in responses] == [
        [", ".join(f"<{contact}>" for contact in contacts)]
    ]


# ---- auto


def test_auto_is_whoever_is_called(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    options = {"contact": "sip:x@127.0.0.1", "messages": tmp_path / "messages", "greeting": "tone:440:0.3"}
    callee = new_endpoint(controller=bot("auto", **options))
    caller = new_endpoint()

    def call(user: str) -> Call:
        return caller.make_call(callee.uri.replace(f"sip:{callee.name}@", f"sip:{user}@"))

    for user, code in {
        "reject-486": 486,
        "REJECT-603": 603,
        "reject": 486,
        "redirect": 302,
        "nobody": 404,
        "reject-200": 404,
        "reject-9999": 404,
        "player": 404,
        "auto": 404,
        "..%2f..%2fmachine": 404,
        "x" * 500: 404,
    }.items():
        expect(call(user)).to_be_disconnected(code=code, by="remote")
    ringing = call("ringer")
    expect(ringing).to_be_ringing()
    ringing.hangup()
    parrot, machine = call("parrot"), call("machine")
    for one in (parrot, machine):
        expect(one).to_be_confirmed()
    parrot.send_dtmf("#")
    expect(parrot).to_be_disconnected(code=200, by="remote")
    machine.hangup()
    until(callee, partial(lambda: not callee.calls))
    assert callee.failure is None


def test_a_bot_that_cannot_start_keeps_the_endpoint_from_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    machine = bot("machine", messages=tmp_path / "file")
    with pytest.raises(ConfigError, match=r"messages: .*file"):
        Endpoint(name="machine", bind="127.0.0.1", controller=machine).start()
