"""``srtpbot load --capture``: the packets of the run are in the file, and ``pcap`` finds its calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bots.parrot import Parrot
from bot.capture.recorder import CaptureFilter, PacketRecorder
from bot.errors import NativeError
from media.capture.reader import Capture
from tests.support.commands import NewBot, srtpbot
from tests.support.process import OK
from tests.support.programs import LOOPBACK
from tests.support.starting import NewEndpoint

__all__ = ["srtpbot"]


@pytest.fixture(autouse=True)
def allowed(tmp_path: Path) -> None:
    """Skip what needs to capture where that is not allowed."""
    try:
        with PacketRecorder(tmp_path / "x.pcap", CaptureFilter.of([LOOPBACK])):
            pass
    except NativeError as error:
        pytest.skip(str(error))


@pytest.mark.timeout(150)
def test_the_packets_of_the_run(srtpbot: NewBot, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    peer = new_endpoint(controller=Parrot(), codecs=["PCMA"])
    bot = srtpbot(
        *("load", peer.uri, "--bind", LOOPBACK, "--codec", "PCMA", "--verify", "0%", "--length", 0.5),
        *("--capture", "load.pcap", "--max-failures", "100%", "--json", "-"),
    )
    assert bot.end(100.0) == OK, bot.said
    [call] = bot.json()["calls"]
    capture = Capture(tmp_path / "load.pcap")
    sent = [packet.payload for packet in capture]
    assert any(payload.startswith(b"INVITE ") and call["sip_call_id"].encode() in payload for payload in sent)
    assert any(payload.startswith(b"BYE ") and call["sip_call_id"].encode() in payload for payload in sent)
