"""bot.report.result: the names of the JSON, and null for values that were not measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.capture.verification import WireCounters, WireResult
from bot.ipc.commands import Record, SendDtmf
from bot.ipc.events import DtmfReleased, DtmfSent, ExpectationChecked, StreamMeasured
from bot.model import (
    CallState,
    CryptoSuite,
    DtmfMethod,
    EndedBy,
    MediaDirection,
    MediaState,
    RtpCounters,
    StreamStats,
)
from bot.report.call_result import call_result
from bot.report.result import SCHEMA, Result, run_result
from bot.ua.journal import Journal
from tests.support.fakes import KEY, PASSWORD, PEER, SUITE, Line, Rig, audio, response

CONTRACT: dict[str, Any] = {
    "schema": 0,
    "verdict": 0,
    "error": 0,
    "started": 0,
    "duration_s": 0,
    "calls": [
        {
            "id": 0,
            "direction": 0,
            "sip_call_id": 0,
            "local_uri": 0,
            "remote_uri": 0,
            "transport": 0,
            "states": [{"state": 0, "at_s": 0, "code": 0, "reason": 0}],
            "setup": {"trying_ms": 0, "ringing_ms": 0, "answered_ms": 0},
            "disconnect": {"code": 0, "reason": 0, "by": 0},
            "media": [
                {
                    "type": 0,
                    "codec": 0,
                    "clock_rate": 0,
                    "ptime_ms": 0,
                    "direction": 0,
                    "profile": 0,
                    "local": 0,
                    "remote": 0,
                    "srtp": {"active": 0, "keying": 0, "suite": 0, "tag": 0, "offered": 0},
                    "rx": {
                        "packets": 0,
                        "bytes": 0,
                        "lost": 0,
                        "discarded": 0,
                        "reordered": 0,
                        "duplicate": 0,
                        "jitter_ms_mean": 0,
                        "jitter_ms_max": 0,
                    },
                    "tx": {"packets": 0, "bytes": 0, "lost": 0, "jitter_ms_mean": 0, "jitter_ms_max": 0},
                    "rtt_ms": 0,
                    "mos_lq": 0,
                    "mos_cq": 0,
                }
            ],
            "dtmf": {
                "sent": [{"digit": 0, "method": 0, "at_s": 0}],
                "received": [{"digit": 0, "method": 0, "duration_ms": 0, "at_s": 0}],
            },
            "recording": {"path": 0, "duration_s": 0, "sample_rate": 0},
            "audio": {
                "matched": 0,
                "delay_ms": 0,
                "snr_db": 0,
                "correlation": 0,
                "missing_ms": 0,
                "gaps": 0,
            },
        }
    ],
    "expectations": [{"name": 0, "verdict": 0, "expected": 0, "observed": 0, "at_s": 0}],
}
"""The names that users' scripts read; there may be more."""

NOTED = (
    "loss_events refused foreign changes more_changes packet_ms longest_gap_ms paused_ms silent "
    "unoffered_digits"
)
NOT_NOTED = dict.fromkeys(NOTED.split())
"""What is known where the packets themselves were seen."""


def missing(contract: Any, found: Any, at: str = "$") -> list[str]:
    """The names of the contract that are not there."""
    if isinstance(contract, dict):
        if not isinstance(found, dict):
            return [at]
        lost = [f"{at}.{name}" for name in contract if name not in found]
        return lost + [
            one
            for name in contract
            if name in found
            for one in missing(contract[name], found[name], f"{at}.{name}")
        ]
    if isinstance(contract, list):
        return missing(contract[0], found[0], f"{at}[0]") if found else [f"{at}[0]"]
    return []


def builtins(value: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def checked(journal: Journal, passed: bool = True, name: str = "call 1 is confirmed") -> ExpectationChecked:
    return ExpectationChecked(
        at=journal.started_at + 1.5,
        name=name,
        passed=passed,
        expected="CONFIRMED",
        observed="CONFIRMED" if passed else "CALLING",
        call=1,
    )


@pytest.fixture
def whole(rig: Rig, tmp_path: Path) -> Line:
    """A call in which everything happened."""
    from media.audio.wav import write
    from media.compare.compare import compare
    from media.signals.tones import speech_like

    line = rig.outgoing()
    line.received(response(line.dialog, 100, "Trying"))
    line.received(response(line.dialog, 180, "Ringing"))
    line.answered()
    line.received(response(line.dialog, 200, "OK"))
    speech = speech_like(1.0, 8000)
    recording = line.call.record(tmp_path / "rx.wav")
    write(recording.path, speech)
    line.call.facts.comparison = compare(speech, speech)
    line.call.send_dtmf("1")
    now, transmission = time.monotonic(), rig.driver.last(SendDtmf).transmission
    rig.driver.feed(DtmfSent(at=now, call=1, transmission=transmission, digit="1", method=DtmfMethod.RFC4733))
    line.digits("2")
    rig.driver.feed(DtmfReleased(at=now + 0.1, call=1, digit="2", method=DtmfMethod.RFC4733, duration_ms=100))
    one_way = RtpCounters(
        packets=300,
        bytes=48000,
        lost=0,
        discarded=0,
        reordered=0,
        duplicate=0,
        jitter_ms_mean=0.5,
        jitter_ms_max=1.0,
    )
    stats = StreamStats(rx=one_way, tx=one_way, rtt_ms=0.25, jitter_buffer_ms=60.0)
    rig.driver.feed(StreamMeasured(at=now, call=1, index=0, stats=stats, final=True))
    line.ended(200, "OK", EndedBy.LOCAL)
    return line


# ---- the contract


def test_every_name_of_the_contract_is_there(rig: Rig, whole: Line) -> None:
    result = run_result(rig.journal, 6.1, [whole.call], [checked(rig.journal)], None)
    assert missing(CONTRACT, builtins(result)) == []


def test_the_result_can_be_read_again(rig: Rig, whole: Line) -> None:
    result = run_result(rig.journal, 6.1, [whole.call], [checked(rig.journal)], None)
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_a_run(rig: Rig) -> None:
    result = builtins(run_result(rig.journal, 6.10049, [], [checked(rig.journal)], None))
    started = datetime.fromisoformat(result.pop("started"))
    assert started.utcoffset() == timedelta(0)
    assert started == rig.journal.started
    assert result == {
        "schema": SCHEMA,
        "verdict": "pass",
        "error": None,
        "duration_s": 6.1,
        "calls": [],
        "refused": [],
        "refused_messages": {},
        "restarts": [],
        "limits_reached": {},
        "environment": None,
        "expectations": [
            {
                "name": "call 1 is confirmed",
                "verdict": "pass",
                "expected": "CONFIRMED",
                "observed": "CONFIRMED",
                "at_s": 1.5,
            }
        ],
    }
    assert SCHEMA == "srtpbot.result/1"


def test_a_whole_call(whole: Line, tmp_path: Path) -> None:
    found = builtins(call_result(whole.call))
    states = found.pop("states")
    assert [(one["state"], one["code"], one["reason"]) for one in states] == [
        ("CALLING", 0, ""),
        ("CONNECTING", 200, "OK"),
        ("CONFIRMED", 200, "OK"),
        ("DISCONNECTED", 200, "OK"),
    ]
    assert all(0 <= one["at_s"] < 60 for one in states)
    dtmf = found.pop("dtmf")
    for digits in dtmf.values():
        assert 0 <= digits[0].pop("at_s") < 60
    assert dtmf == {
        "sent": [{"digit": "1", "method": "rfc4733", "duration_ms": None}],
        "received": [{"digit": "2", "method": "rfc4733", "duration_ms": 100}],
    }
    setup = found.pop("setup")
    assert 0 <= setup["trying_ms"] <= setup["ringing_ms"] <= setup["answered_ms"]
    counters = {
        "packets": 300,
        "bytes": 48000,
        "lost": 0,
        "discarded": 0,
        "reordered": 0,
        "duplicate": 0,
        "jitter_ms_mean": 0.5,
        "jitter_ms_max": 1.0,
        **NOT_NOTED,
    }
    heard = found.pop("audio")
    assert (heard["matched"], heard["delay_ms"], heard["gaps"], heard["reasons"]) == (True, 0.0, [], [])
    assert found == {
        "id": "1",
        "endpoint": "srtpbot",
        "direction": "outgoing",
        "sip_call_id": whole.dialog,
        "local_uri": "sip:srtpbot@127.0.0.1:5062",
        "remote_uri": PEER,
        "transport": "udp",
        "disconnect": {"code": 200, "reason": "OK", "by": "local"},
        "media": [
            {
                "type": "audio",
                "codec": "PCMA",
                "clock_rate": 8000,
                "ptime_ms": 20,
                "direction": "sendrecv",
                "profile": "RTP/SAVP",
                "local": "127.0.0.1:4000",
                "remote": "127.0.0.1:4002",
                "srtp": {
                    "active": True,
                    "keying": "SDES",
                    "suite": SUITE,
                    "tag": 1,
                    "offered": [SUITE],
                    "answered": SUITE,
                    "disagreement": None,
                    "deviation": None,
                    "keys_in_clear": True,
                    "role": None,
                    "fingerprint": None,
                    "peer_fingerprint": None,
                },
                "rx": counters,
                "tx": counters,
                "rtt_ms": 0.25,
                "jitter_buffer_ms": 60.0,
                "mos_lq": 4.41,
                "mos_cq": 4.41,
                "mos_scale": "narrowband",
                "ice": None,
                "wire": None,
            }
        ],
        "recording": {"path": str(tmp_path / "rx.wav"), "duration_s": 1.0, "sample_rate": 8000},
        "warnings": [],
    }


def test_what_was_captured(rig: Rig) -> None:
    line = rig.confirmed()
    ways = [WireCounters(packets=9, authenticated=n, plain=9 - n, failed=0) for n in (9, 0)]
    wire = WireResult(rx=ways[0], tx=ways[1], suite=SUITE, reused=0)
    known = {line.call: {0: wire}}
    found = run_result(Journal(), 1.0, [line.call], [], None, wire=known)
    assert builtins(found)["calls"][0]["media"][0]["wire"] == {
        "rx": {"packets": 9, "authenticated": 9, "plain": 0, "failed": 0, "protected": 0},
        "tx": {"packets": 9, "authenticated": 0, "plain": 9, "failed": 0, "protected": 0},
        "suite": SUITE,
        "reused": 0,
        "dtls": 0,
    }


# ---- null


def test_a_call_of_which_nothing_is_known(rig: Rig) -> None:
    found = builtins(call_result(rig.outgoing().call))
    assert found["setup"] == {"trying_ms": None, "ringing_ms": None, "answered_ms": None}
    assert (found["disconnect"], found["recording"], found["audio"]) == (None, None, None)
    assert (found["media"], found["dtmf"]) == ([], {"sent": [], "received": []})


def test_a_stream_that_was_never_measured(rig: Rig) -> None:
    (media,) = builtins(call_result(rig.confirmed().call))["media"]
    for name in ("rx", "tx", "rtt_ms", "jitter_buffer_ms", "mos_lq", "mos_cq", "mos_scale"):
        assert media[name] is None


def test_counters_that_were_not_measured(rig: Rig) -> None:
    line = rig.confirmed()
    line.measured(0, 10)
    (media,) = builtins(call_result(line.call))["media"]
    assert media["rx"] == {
        "packets": 0,
        "bytes": 0,
        "lost": None,
        "discarded": None,
        "reordered": None,
        "duplicate": None,
        "jitter_ms_mean": None,
        "jitter_ms_max": None,
        **NOT_NOTED,
    }


def heard(
    rig: Rig,
    codec: str | None = "PCMA",
    clock_rate: int | None = 8000,
    *,
    rtt_ms: float | None = 0.25,
    jitter_buffer_ms: float | None = None,
    **counts: int | None,
) -> Any:
    """The media of a call in which a second of audio was received."""
    line = rig.confirmed()
    line.media(msgspec.structs.replace(audio(), codec=codec, clock_rate=clock_rate))
    counted: dict[str, Any] = {"packets": 50, "bytes": 8000, "lost": 0, "discarded": 0, **counts}
    stats = StreamStats(
        rx=RtpCounters(**counted),
        tx=RtpCounters(packets=50, bytes=8000),
        rtt_ms=rtt_ms,
        jitter_buffer_ms=jitter_buffer_ms,
    )
    rig.driver.feed(StreamMeasured(at=time.monotonic(), call=1, index=0, stats=stats, final=True))
    (media,) = builtins(call_result(line.call))["media"]
    return media


SCORES = ("mos_lq", "mos_cq", "mos_scale")


@pytest.mark.parametrize(
    ("counts", "scores"),
    [
        ({}, (4.41, 4.41, "narrowband")),
        ({"lost": 1, "loss_events": 1}, (4.24, 4.24, "narrowband")),
        ({"lost": 5, "loss_events": 5}, (3.5, 3.5, "narrowband")),
        ({"lost": 5, "loss_events": 1}, (3.17, 3.17, "narrowband")),
        ({"packets": 126, "refused": {"not authentic": 275}}, (1.0, 1.0, "narrowband")),
        ({"discarded": 1}, (4.24, 4.24, "narrowband")),
        ({"discarded": 1, "duplicate": 1}, (4.41, 4.41, "narrowband")),
        ({"duplicate": 1}, (4.41, 4.41, "narrowband")),
        ({"rtt_ms": 600}, (4.41, 3.88, "narrowband")),
        ({"rtt_ms": None}, (4.41, None, "narrowband")),
        ({"jitter_buffer_ms": 60.0}, (4.41, 4.41, "narrowband")),
        ({"jitter_buffer_ms": 300.0}, (4.41, 3.88, "narrowband")),
        ({"rtt_ms": None, "jitter_buffer_ms": 60.0}, (4.41, None, "narrowband")),
        ({"codec": "G722", "clock_rate": 16000}, (4.34, 4.34, "wideband")),
        ({"codec": "GSM"}, (3.74, 3.74, "narrowband")),
    ],
)
def test_quality(rig: Rig, counts: dict[str, Any], scores: tuple[Any, ...]) -> None:
    media = heard(rig, **counts)
    assert tuple(media[name] for name in SCORES) == scores


@pytest.mark.parametrize(
    "counts",
    [
        {"packets": 0},
        {"packets": 0, "lost": 50},
        {"lost": None},
        {"lost": 1},
        {"discarded": None},
        {"codec": None},
        {"clock_rate": None},
        {"codec": "iLBC"},
        {"codec": "speex", "clock_rate": 16000},
        {"codec": "GSM", "lost": 1},
    ],
)
def test_quality_that_is_not_known(rig: Rig, counts: dict[str, Any]) -> None:
    media = heard(rig, **counts)
    assert [media[name] for name in SCORES] == [None, None, None]


def test_a_line_of_which_nothing_is_known(rig: Rig) -> None:
    line = rig.outgoing()
    line.media(MediaState(index=0, type="video", active=False, direction=MediaDirection.INACTIVE))
    (media,) = builtins(call_result(line.call))["media"]
    for name in ("codec", "clock_rate", "ptime_ms", "profile", "local", "remote", "rx", "tx", "rtt_ms"):
        assert media[name] is None
    assert media["srtp"] == {
        "active": False,
        "keying": None,
        "suite": None,
        "tag": None,
        "offered": [],
        "answered": None,
        "disagreement": None,
        "deviation": None,
        "keys_in_clear": False,
        "role": None,
        "fingerprint": None,
        "peer_fingerprint": None,
    }


@pytest.mark.parametrize(("transport", "clear"), [("udp", True), ("tcp", True), ("tls", False)])
def test_keys_in_clear(rig: Rig, transport: str, clear: bool) -> None:
    line = rig.confirmed()
    line.call.facts.transport = transport
    (media,) = builtins(call_result(line.call))["media"]
    assert media["srtp"]["keys_in_clear"] is clear


def test_plain_rtp(rig: Rig) -> None:
    line = rig.outgoing()
    line.answered(suite=None)
    (media,) = builtins(call_result(line.call))["media"]
    assert media["profile"] == "RTP/AVP"
    assert media["srtp"]["active"] is False
    assert media["srtp"]["keys_in_clear"] is False


def test_a_disagreement_is_told(rig: Rig) -> None:
    line = rig.confirmed()
    line.media(audio(suite=CryptoSuite.AES_256_CM_HMAC_SHA1_80))
    (media,) = builtins(call_result(line.call))["media"]
    assert "the library runs AES_256_CM_HMAC_SHA1_80" in media["srtp"]["disagreement"]


def test_after_the_end_media_is_what_was_active(rig: Rig) -> None:
    line = rig.confirmed()
    line.media(audio(active=False, direction=MediaDirection.INACTIVE))
    line.ended()
    (media,) = builtins(call_result(line.call))["media"]
    assert (media["codec"], media["direction"]) == ("PCMA", "sendrecv")


def test_a_crash(rig: Rig) -> None:
    line = rig.confirmed()
    rig.driver.crash()
    found = builtins(call_result(line.call))
    why = "the agent died: it was killed by SIGABRT"
    assert found["disconnect"] == {"code": None, "reason": why, "by": "error"}
    assert found["states"][-1]["state"] == CallState.DISCONNECTED


@pytest.mark.parametrize("content", [None, b"", b"no WAV"])
def test_a_recording_that_cannot_be_read(rig: Rig, tmp_path: Path, content: bytes | None) -> None:
    line = rig.confirmed()
    path = tmp_path / "rx.wav"
    line.call.record(path)
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)
    assert rig.driver.last(Record).path == str(path)
    assert builtins(call_result(line.call))["recording"] == {
        "path": str(path),
        "duration_s": None,
        "sample_rate": None,
    }


def test_audio_that_did_not_match(rig: Rig) -> None:
    from media.compare.compare import compare
    from media.signals.tones import silence, speech_like

    line = rig.confirmed()
    line.call.facts.comparison = compare(speech_like(1.0, 8000), silence(1.0, 8000))
    found = builtins(call_result(line.call))["audio"]
    assert found["matched"] is False
    assert found["reasons"]
    assert (found["snr_db"], found["correlation"], found["delay_ms"]) == (None, None, None)


# ---- the verdict


@pytest.mark.parametrize(
    ("verdicts", "error", "verdict"),
    [
        ([True], None, "pass"),
        ([True, True], None, "pass"),
        ([True, False], None, "fail"),
        ([False], None, "fail"),
        ([], None, "pass"),
        ([], "port in use", "error"),
        ([True], "the agent crashed", "error"),
        ([False], "the agent crashed", "error"),
    ],
)
def test_verdict(verdicts: list[bool], error: str | None, verdict: str) -> None:
    journal = Journal()
    result = run_result(journal, 1.0, [], [checked(journal, passed) for passed in verdicts], error)
    assert result.verdict == verdict
    assert result.error == error


def test_a_call_of_which_nothing_is_expected_may_not_be_broken(rig: Rig) -> None:
    line = rig.confirmed()
    broken = run_result(rig.journal, 1.0, [line.call], [], None)
    assert broken.verdict == "fail"
    [one] = broken.expectations
    assert (one.name, one.observed) == ("call 1 ends in order", "CONFIRMED")
    line.ended()
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "pass"
    cut = rig.confirmed()
    cut.ended(408, "Request Timeout", EndedBy.ERROR)
    [one] = run_result(rig.journal, 1.0, [line.call, cut.call], [], None).expectations
    assert (one.name, one.observed) == ("call 2 ends in order", "408 Request Timeout, by error")


def test_a_refused_offer_is_no_broken_call(rig: Rig) -> None:
    line = rig.incoming()
    line.ended(488, "this side ended the call: the SDP in INVITE is not acceptable", EndedBy.ERROR)
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "pass"
    line = rig.incoming(dialog="other@peer")
    line.ended(500, "Server Internal Error", EndedBy.ERROR)
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "fail"
    line = rig.confirmed()
    line.ended(488, "Not Acceptable Here", EndedBy.ERROR)
    assert run_result(rig.journal, 1.0, [line.call], [], None).verdict == "fail"


# ---- several endpoints


def test_calls_of_several_endpoints_are_told_apart(new_rig: Callable[..., Rig]) -> None:
    alice = new_rig(name="alice")
    bob = new_rig(name="bob", journal=alice.journal)
    results = [call_result(rig.confirmed().call) for rig in (alice, bob)]
    assert [(one.id, one.endpoint) for one in results] == [("alice-1", "alice"), ("bob-1", "bob")]


# ---- secrets


def test_secrets_are_not_in_the_result(new_rig: Callable[..., Rig]) -> None:
    rig = new_rig(user="alice", password=PASSWORD)
    line = rig.confirmed()
    result = run_result(rig.journal, 1.0, [line.call], [checked(rig.journal)], None)
    text = msgspec.json.encode(result).decode() + repr(result)
    assert SUITE in text
    assert KEY not in text
    assert PASSWORD not in text
