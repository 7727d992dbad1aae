"""baresip leaves a message over SRTP; another call plays the same audio back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from bot import CryptoSuite, Endpoint, expect
from bot.deadline import Deadline
from media.audio.wav import Audio, read, write
from media.compare.compare import compare
from media.compare.verdict import Options
from media.signals.signals import make
from tests.support.answering import Answering
from tests.support.baresip import Baresip
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("baresip")

PIN = "2468013579"
SAID = "speech:4"
PATIENCE_S = 3.0
"""What baresip says first is silence, since it does not wait for the beep."""
STARVED = Options(max_missing_ms=600, max_edge_ms=600, max_inserted_ms=600)
"""What is said passes three clocks, each of which a busy machine may stop for a while."""
BARESIP_RATE = 48000
GLANCE_S = 0.02


def spoken(folder: Path) -> tuple[Path, Path]:
    """What is said, and the file in which baresip says it: after a while, and then no more."""
    said = make(SAID, BARESIP_RATE)
    write(folder / "said.wav", said)
    whole = make(f"silence:{PATIENCE_S:g},{SAID},silence:20", BARESIP_RATE).samples
    both = np.stack([whole, whole], axis=1)
    soundfile.write(folder / "source.wav", both, BARESIP_RATE, subtype="PCM_16")
    return folder / "said.wav", folder / "source.wav"


def messages(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in folder.glob("*Z-????????.json")]


def until(machine: Answering, holds: Callable[[], bool]) -> None:
    """Look again and again until something holds; what is on the disk tells nobody."""
    deadline = Deadline(5)
    while not holds():
        assert not deadline.passed, machine.tail
        assert not machine.ended_within(GLANCE_S), machine.tail


def assert_said(reference: Path, heard: Path) -> None:
    audio: Audio = read(heard)
    comparison = compare(read(reference), audio, options=STARVED)
    assert comparison.matched, comparison.reasons


def test_message_left_by_baresip_and_played_back(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    said, source = spoken(tmp_path)
    folder = tmp_path / "messages"
    options = ["--messages", str(folder), "--pin", PIN, "--greeting", "tone:440:0.5", "--silence", "3"]
    with (
        Answering(tmp_path / "machine", "machine", *options, "--srtp", "mandatory") as machine,
        Baresip(tmp_path / "baresip", says=source) as baresip,
    ):
        uri = machine.uri.partition(";")[0]
        baresip.dial("mand", uri)
        baresip.program.wait_for_line(r"SRTP is Enabled \(cryptosuite=AES_CM_128_HMAC_SHA1_80\)")
        machine.wait_for_events("CallStateChanged", 1, state="DISCONNECTED", timeout=25)
        until(machine, lambda: bool(messages(folder)))
        [message] = messages(folder)
        assert message["ended_by"] == "silence"
        assert message["suite"] == CryptoSuite.AES_CM_128_HMAC_SHA1_80
        assert message["codec"] == "PCMU"
        assert "mand@" in message["from"]
        assert message["to"] == "machine"
        assert_said(said, folder / f"{message['id']}.wav")

        assert_said(said, played_back(new_endpoint(srtp="mandatory"), uri, tmp_path / "heard.wav"))
        until(machine, lambda: not messages(folder))
        machine.assert_unharmed()
        assert machine.stop() == 0
    assert PIN not in machine.output
    assert not list(folder.glob("*.wav"))


def played_back(owner: Endpoint, uri: str, path: Path) -> Path:
    """Dial the PIN, hear the message, delete it, and end the call, by DTMF."""
    call = owner.make_call(uri)
    expect(call).to_be_encrypted()
    expect(call).to_have_active_media()
    call.send_dtmf(f"*,{PIN}#,").wait()
    with call.record(path):
        call.send_dtmf("1").wait()
        owner.wait_until(lambda: call.facts.ended is not None, Deadline(9))
    call.send_dtmf("3,9").wait()
    expect(call).to_be_disconnected(code=200, by="remote")
    return path
