"""The ready-made bots of ``srtpbot answer``."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import soundfile

from bot import DtmfMethod, expect
from tests.support.certificates import Authority
from tests.support.commands import NewBot
from tests.support.process import OK
from tests.support.sip_peer import PLAIN_OFFER, SipPeer, sdp
from tests.support.starting import LOOPBACK, STARVED_MS, NewEndpoint


def test_one_ready_line_for_each_transport(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--transport", "udp", "--transport", "tcp", "--for", 20)
    for transport in ("udp", "tcp"):
        uri = bot.line(rf"^ready (sip:parrot@{LOOPBACK}:\d+;transport={transport})$")[1]
        outgoing = new_endpoint(transports=[transport]).make_call(uri)
        expect(outgoing).to_be_confirmed()


def test_tls_from_end_to_end(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    identity = authority.issue(LOOPBACK)
    bot = answer(
        *("--transport", "tls", "--tls-cert", identity.cert, "--tls-key", identity.key),
        *("--srtp", "mandatory", "--srtp-requires", "tls"),
    )
    common = ["--transport", "tls", "--srtp", "mandatory", "--duration", 0.5, "--json", "-"]
    caller = call(bot.uri(), *common, "--tls-ca", authority.ca)
    assert caller.end() == OK, caller.said
    [one] = caller.json()["calls"]
    assert one["transport"] == "tls"
    assert one["media"][0]["srtp"]["active"]
    assert not one["media"][0]["srtp"]["keys_in_clear"]
    stranger = call(bot.uri(), *common)
    assert stranger.end() == 1, stranger.said
    assert stranger.json()["calls"][0]["disconnect"]["code"] is None
    careless = call(bot.uri(), *common, "--tls-insecure")
    assert careless.end() == OK, careless.said


@pytest.mark.parametrize("code", [486, 603, 302])
def test_rejecter(code: int, answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--as", "reject", "--code", code, "--calls", 1)
    outgoing = new_endpoint().make_call(bot.uri())
    expect(outgoing).to_be_disconnected(code=code, by="remote")
    assert bot.end(timeout=10) == OK, bot.said


def test_ringer(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--as", "ringer", "--calls", 1)
    outgoing = new_endpoint().make_call(bot.uri())
    expect(outgoing).to_be_ringing()
    outgoing.hangup()
    expect(outgoing).to_be_disconnected(code=487)
    assert bot.end(timeout=10) == OK, bot.said


def test_player(answer: NewBot, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path) -> None:
    bot = answer("--as", "player", "--play", speech, "--calls", 1)
    outgoing = new_endpoint().make_call(bot.uri())
    recording = outgoing.record(tmp_path / "heard.wav")
    expect(outgoing).to_be_disconnected(code=200, by="remote", timeout=10)
    expect(recording).to_match(speech, max_missing_ms=STARVED_MS)
    assert bot.end(timeout=10) == OK, bot.said


def test_parrot_answers_after_a_while_and_with_early_media(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--answer-after", 0.4, "--early-media", "--calls", 1)
    outgoing = new_endpoint().make_call(bot.uri())
    expect(outgoing).to_be_ringing()
    expect(outgoing).to_have_active_media()
    expect(outgoing).to_be_confirmed()
    assert (outgoing.facts.response_after_ms(200, 200) or 0) > 300
    outgoing.hangup()
    assert bot.end(timeout=10) == OK, bot.said


def test_each_call_has_its_line_and_its_recording(
    answer: NewBot, new_endpoint: NewEndpoint, speech: Path, tmp_path: Path
) -> None:
    bot = answer("--calls", 2, "--record", "rx.wav", "--json", "-", "--out", "out", "-v")
    caller = new_endpoint()
    for _ in range(2):
        outgoing = caller.make_call(bot.uri())
        outgoing.play(speech).wait()
        outgoing.hangup()
        expect(outgoing).to_be_disconnected(code=200)
    assert bot.end(timeout=10) == OK, bot.said
    _, *lines = bot.stdout.splitlines()
    results = [json.loads(line) for line in lines]
    assert [Path(result["recording"]["path"]).name for result in results] == ["rx.wav", "rx-2.wav"]
    for result in results:
        assert result["recording"]["duration_s"] > 1.5
        assert soundfile.info(tmp_path / result["recording"]["path"]).duration > 1.5
    whole = json.loads((tmp_path / "out" / "result.json").read_text())
    assert whole["verdict"] == "pass"
    assert [one["id"] for one in whole["calls"]] == ["1", "2"]
    assert "CONFIRMED" in bot.stderr


def test_answering_side_hears_inband_digits_to_the_end(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer(
        *("--calls", 1, "--codec", "G722", "--expect-dtmf", "159#", "--expect-dtmf-method", "inband"),
        *("--json", "-", "-v"),
    )
    outgoing = new_endpoint(codecs=["G722"]).make_call(bot.uri())
    expect(outgoing).to_have_active_media()
    outgoing.send_dtmf("159#", method=DtmfMethod.INBAND).wait()
    expect(outgoing).to_have_received_packets(at_least=75)
    outgoing.hangup()
    assert bot.end(timeout=10) == OK, bot.said
    received = json.loads(bot.stdout.splitlines()[-1])["dtmf"]["received"]
    assert [one["digit"] for one in received] == list("159#")
    assert {one["method"] for one in received} == {"inband"}
    assert "received digit # by inband" in bot.stderr


def test_name_of_a_config_file_and_its_port(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "carol.yaml").write_text(f"name: carol\nbind: {LOOPBACK}\nport: 0\n")
    bot = srtpbot("answer", "--config", "carol.yaml")
    assert bot.uri().startswith(f"sip:carol@{LOOPBACK}:")


def test_redirecter(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    bot = answer("--as", "redirect", "--contact", "sip:bob@127.0.0.1:5099", "--calls", 1)
    outgoing = new_endpoint().make_call(bot.uri())
    expect(outgoing).to_be_disconnected(code=302, by="remote")
    expect(outgoing).to_have_header("Contact", "<sip:bob@127.0.0.1:5099>")
    assert bot.end() == OK, bot.said


def test_machine(answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    folder = tmp_path / "messages"
    options = ["--messages", folder, "--greeting", "tone:440:0.2", "--silence", 1, "--calls", 1]
    bot = answer("--as", "machine", *options, "-vv", SRTPBOT_PIN="97531")
    outgoing = new_endpoint().make_call(bot.uri())
    expect(outgoing).to_be_disconnected(code=200, by="remote", timeout=8)
    assert bot.end() == OK, bot.said
    [facts] = folder.glob("*.json")
    assert json.loads(facts.read_text())["ended_by"] == "silence"
    assert soundfile.info(str(facts.with_suffix(".wav"))).duration > 0.8
    assert "97531" not in bot.said


def test_auto(answer: NewBot, new_endpoint: NewEndpoint) -> None:
    uri = answer("--as", "auto").uri()
    caller = new_endpoint()
    for user, code in {"reject-603": 603, "machine": 404}.items():  # which has no folder
        outgoing = caller.make_call(uri.replace("sip:auto@", f"sip:{user}@"))
        expect(outgoing).to_be_disconnected(code=code, by="remote")
    expect(caller.make_call(uri.replace("sip:auto@", "sip:parrot@"))).to_be_confirmed()


def test_refused_invite_is_told(answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    bot = answer("--srtp", "mandatory", "--calls", 1, "--for", 4, "--out", tmp_path)
    caller = new_endpoint(srtp="off", name="plain")
    expect(caller.make_call(bot.uri())).to_be_disconnected(code=488, by="remote")
    assert bot.end(timeout=15) == 1, bot.said
    text = "was refused with 488 Not Acceptable Here: it offers RTP/AVP, and srtp is mandatory"
    assert "observed 0, and 1 refused: an INVITE from " in " ".join(bot.stdout.split())
    result = json.loads((tmp_path / "result.json").read_text())
    [refused] = result["refused"]
    assert (refused["code"], refused["why"]) == (488, "it offers RTP/AVP, and srtp is mandatory")
    assert text in result["expectations"][0]["observed"]
    for name in ("report.html", "junit.xml"):
        assert "it offers RTP/AVP, and srtp is mandatory" in (tmp_path / name).read_text()
    assert "CallRefused" in (tmp_path / "journal.jsonl").read_text()


DIGITS_ALONE = "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"


@pytest.mark.parametrize(
    "media", [PLAIN_OFFER.replace(" 0\r", " 18\r"), DIGITS_ALONE, "m=audio 4000 RTP/SAVP 8\r\n"]
)
def test_the_refusal_of_an_offer_does_not_fail_the_run(media: str, answer: NewBot) -> None:
    bot = answer()
    with SipPeer(bot.uri()) as peer:
        refusal = peer.ask(peer.request("INVITE", body=sdp(media)))
        assert refusal.status in {406, 488}
        peer.ack(refusal)
    bot.send(signal.SIGTERM)
    assert bot.end() == OK, bot.said


def test_a_bounded_journal(answer: NewBot, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    bot = answer("--out", folder, "--max-journal", 1, "--max-request-rate", 0, "--max-message-rate", 0)
    with SipPeer(bot.uri()) as peer:
        while not (folder / "journal.1.jsonl").exists():
            assert peer.ask(peer.request("OPTIONS")).status == 200
    bot.send(signal.SIGINT)
    assert bot.end() == OK, bot.said
    sizes = [(folder / name).stat().st_size for name in ("journal.jsonl", "journal.1.jsonl")]
    assert max(sizes) <= 500_000 < sum(sizes)
    assert (folder / "sip.pcap").stat().st_size > 100_000
