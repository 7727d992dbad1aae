"""bot.report.call_result: media, recording and comparison of a call; null for what was not measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.ipc.commands import Record
from bot.model import CallState, CryptoSuite, MediaDirection, MediaState
from bot.report.call_result import call_result
from tests.support.fakes import PEER, SUITE, Line, Rig, audio
from tests.support.results import builtins, media_of

NOTED = (
    "loss_events refused foreign changes more_changes packet_ms longest_gap_ms paused_ms silent "
    "unoffered_digits"
)
NOT_NOTED = dict.fromkeys(NOTED.split())
"""What is known where the packets themselves were seen."""


def test_a_whole_call(whole: Line, tmp_path: Path) -> None:
    found = builtins(call_result(whole.call))
    states = found.pop("states")
    assert [(state["state"], state["code"], state["reason"]) for state in states] == [
        ("CALLING", 0, ""),
        ("CONNECTING", 200, "OK"),
        ("CONFIRMED", 200, "OK"),
        ("DISCONNECTED", 200, "OK"),
    ]
    assert all(0 <= state["at_s"] < 60 for state in states)
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
        "tls": None,
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


# ---- null


def test_a_call_without_events(rig: Rig) -> None:
    found = builtins(call_result(rig.outgoing().call))
    assert found["setup"] == {"trying_ms": None, "ringing_ms": None, "answered_ms": None}
    assert (found["disconnect"], found["recording"], found["audio"]) == (None, None, None)
    assert (found["media"], found["dtmf"]) == ([], {"sent": [], "received": []})


def test_a_stream_that_was_never_measured(rig: Rig) -> None:
    media = media_of(rig.confirmed().call)
    for name in ("rx", "tx", "rtt_ms", "jitter_buffer_ms", "mos_lq", "mos_cq", "mos_scale"):
        assert media[name] is None


def test_counters_that_were_not_measured(rig: Rig) -> None:
    line = rig.confirmed()
    line.measured(0, 10)
    media = media_of(line.call)
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


def test_an_inactive_video_line(rig: Rig) -> None:
    line = rig.outgoing()
    line.media(MediaState(index=0, type="video", active=False, direction=MediaDirection.INACTIVE))
    media = media_of(line.call)
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
    media = media_of(line.call)
    assert media["srtp"]["keys_in_clear"] is clear


def test_plain_rtp(rig: Rig) -> None:
    line = rig.outgoing()
    line.answered(suite=None)
    media = media_of(line.call)
    assert media["profile"] == "RTP/AVP"
    assert media["srtp"]["active"] is False
    assert media["srtp"]["keys_in_clear"] is False


def test_a_disagreement_on_srtp_is_reported(rig: Rig) -> None:
    line = rig.confirmed()
    line.media(audio(suite=CryptoSuite.AES_256_CM_HMAC_SHA1_80))
    media = media_of(line.call)
    assert "the library runs AES_256_CM_HMAC_SHA1_80" in media["srtp"]["disagreement"]


def test_an_ended_call_reports_its_active_media(rig: Rig) -> None:
    line = rig.confirmed()
    line.media(audio(active=False, direction=MediaDirection.INACTIVE))
    line.ended()
    media = media_of(line.call)
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


# ---- several endpoints


def test_calls_of_several_endpoints_have_their_names(new_rig: Callable[..., Rig]) -> None:
    alice = new_rig(name="alice")
    bob = new_rig(name="bob", journal=alice.journal)
    results = [call_result(rig.confirmed().call) for rig in (alice, bob)]
    assert [(result.id, result.endpoint) for result in results] == [("alice-1", "alice"), ("bob-1", "bob")]
