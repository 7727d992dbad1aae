"""The options under "Limits" of the command answer: their effect, and their counts in the result."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.answering import Answering
from tests.support.sip_peer import SipPeer


def test_a_limit_is_told_and_counted(tmp_path: Path) -> None:
    with Answering(tmp_path / "bot", "parrot", "--max-silence", "1", "--max-calls-per-source", "1") as one:
        with SipPeer(one.uri) as peer, SipPeer(one.uri) as second, SipPeer(one.uri) as watcher:
            peer.offer("m=audio {rtp} RTP/AVP 8")
            assert peer.answered() == 200
            second.offer("m=audio {rtp} RTP/AVP 8")
            assert second.answered() in {200, 486}
            refused = watcher.ask(watcher.request("SUBSCRIBE", headers="Event: presence\r\n"))
            assert (refused.status, refused.header("Allow-Events")) == (489, "refer")
            one.wait_for_events("LimitReached", 1, rule="silence")
        assert one.stop() == 0
    result = json.loads((tmp_path / "bot" / "out" / "result.json").read_text())
    assert result["verdict"] == "pass"
    assert result["limits_reached"]["subscription"] == 1
    assert result["limits_reached"]["silence"] >= 1
