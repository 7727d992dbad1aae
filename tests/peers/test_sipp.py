"""SIPp's own scenarios against an answering bot, and processes that must not outlive their owners."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psutil
import pytest

from bot import DtmfMethod, expect
from bot.bots.parrot import Parrot
from bot.ipc.events import SipSent
from bot.sip.message import Message
from tests.support.answering import Answering
from tests.support.sipp import CAPTURES, arrived, response_codes, sipp
from tests.support.sounds import loudness
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("sipp")

AUDIBLE = 0.01
NOT_ACCEPTABLE_HERE = 488


def test_it_calls_a_parrot_program(tmp_path: Path) -> None:
    with Answering(tmp_path / "bot", "parrot") as bot:
        with sipp("uac", bot.uri, tmp_path, "-m", "3", "-r", "3", "-d", "300") as caller:
            assert caller.wait(timeout=20) == 0
        assert response_codes(caller, tmp_path) == []
        bot.assert_unharmed()
        agent = bot.agent
        assert bot.stop() == 0, bot.tail
    states = [event.get("state") for event in bot.journal() if event["type"] == "CallStateChanged"]
    assert states.count("CONFIRMED") == states.count("DISCONNECTED") == 3
    assert not agent.is_running()


@pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"{CAPTURES}: SIPp's captures are in Debian's sip-tester")
def test_its_audio_and_its_digit_arrive(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    endpoint = new_endpoint(controller=Parrot(record=tmp_path / "heard.wav"))
    with sipp("uac_pcap", endpoint.uri, tmp_path, "-m", "1", "-d", "500") as caller:
        call = arrived(endpoint)
        expect(call).to_be_confirmed()
        expect(call).not_to_be_encrypted()
        expect(call).to_use_codec("PCMA")
        expect(call).to_have_received_dtmf("1", method=DtmfMethod.RFC4733, timeout=15)
        assert caller.wait(timeout=20) == 0
    expect(call).to_be_disconnected(code=200, by="remote")
    expect(call).to_have_received_dtmf("1", method=DtmfMethod.RFC4733)
    [recording] = call.recordings
    assert loudness(recording.wait(timeout=5).path) > AUDIBLE


def test_its_plain_offer_is_refused_by_a_mandatory_endpoint(
    new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    endpoint = new_endpoint(controller=Parrot(), srtp="mandatory")
    with sipp("uac", endpoint.uri, tmp_path, "-m", "1") as caller:
        assert caller.wait(timeout=20) == 1
    assert response_codes(caller, tmp_path) == [NOT_ACCEPTABLE_HERE]
    sent = [entry.event for entry in endpoint.journal.recent() if isinstance(entry.event, SipSent)]
    final = [message.status for event in sent if (message := Message.parse(event.text)).status >= 200]
    assert final == [NOT_ACCEPTABLE_HERE]
    assert not endpoint.calls


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_no_process_is_left_when_the_program_is_told_to_end(number: signal.Signals, tmp_path: Path) -> None:
    """The calls in progress are hung up, which SIPp sees as an unexpected BYE."""
    with (
        Answering(tmp_path / "bot", "parrot") as bot,
        sipp("uac", bot.uri, tmp_path, "-m", "2", "-r", "2", "-d", "30000") as caller,
    ):
        agent = bot.agent
        bot.wait_for_events("CallStateChanged", 2, state="CONFIRMED", timeout=20)
        psutil.Process(bot.pid).send_signal(number)
        assert bot.wait(timeout=20) == 0, bot.tail
        assert not agent.is_running()
        assert caller.wait(timeout=20) == 1
    [errors] = tmp_path.glob(f"*_{caller.pid}_errors.log")
    assert len(re.findall(r"on an unexpected BYE", errors.read_text())) == 2


def test_no_process_is_left_when_an_endpoint_closes(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    endpoint = new_endpoint(controller=Parrot())
    agent = psutil.Process(endpoint.pid)
    assert agent.parent() == psutil.Process()
    with sipp("uac", endpoint.uri, tmp_path, "-m", "1", "-d", "30000") as caller:
        call = arrived(endpoint)
        expect(call).to_be_confirmed()
        endpoint.close()
        assert not agent.is_running()
        assert agent not in psutil.Process().children(recursive=True)
        expect(call).to_be_disconnected(by="local")
        assert caller.wait(timeout=20) == 1
