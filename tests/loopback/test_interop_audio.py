"""A cell of the interop matrix needs a plausible amount of audio, not just any packet."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bot import expect
from bot.interop.conversation import Conversation
from bot.interop.observation import observed
from bot.interop.probe import Probe
from tests.support.build import cell
from tests.support.sip_peer import SipPeer, pcma
from tests.support.starting import NewEndpoint


@pytest.mark.parametrize(
    ("every_s", "outcome"), [(0.01, "plain"), (0.4, "broken: too little audio: received")]
)
def test_a_few_packets_are_no_audio(
    every_s: float, outcome: str, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    endpoint, over = new_endpoint(srtp="off", codecs=["PCMA"]), threading.Event()
    with SipPeer(endpoint.uri) as peer:
        with endpoint.expect_call() as incoming:
            peer.offer(pcma(peer.media.port))
        call = incoming.value
        call.answer()
        assert peer.answered() == 200
        expect(call).to_have_active_media()

        def send() -> None:
            number = 0
            while not over.wait(every_s):
                peer.media.send_audio(number, 8)
                number += 1

        thread = threading.Thread(target=send)
        thread.start()
        try:
            conversation = Conversation(
                call, cell("listen/off"), Probe(call, tmp_path / "rx.wav", iter(range(9))), 5.0
            )
            conversation.run()
            conversation.end()
        finally:
            over.set()
            thread.join()
    assert observed(cell("listen/off"), call.facts, conversation.talk).outcome.startswith(outcome)
