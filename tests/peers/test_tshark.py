"""sip.pcap read back by tshark: the same messages in the same order, nothing malformed, every sum right."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot import SrtpMode, expect
from bot.ipc.events import SipReceived, SipSent
from bot.report.sip_pcap import of_file, of_journal
from bot.sip.message import Message
from bot.ua.journal import Journal
from tests.support.certificates import Authority
from tests.support.programs import LOOPBACK
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("tshark")

CHECKSUMS = [part for name in ("ip", "udp", "tcp") for part in ("-o", f"{name}.check_checksum:TRUE")]
ORDER = ["sip.Method", "sip.Status-Code", "sip.CSeq.method", "sip.Call-ID"]
BIG = 60_000


def tshark(capture: Path, *arguments: str) -> list[str]:
    """Its output, line by line."""
    command = ["tshark", "-n", "-r", str(capture), *CHECKSUMS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def messages_of(capture: Path) -> list[tuple[str, ...]]:
    """Method or status, CSeq and Call-ID of each message, as tshark finds them."""
    fields = [part for name in ORDER for part in ("-e", name)]
    lines = tshark(capture, "-Y", "sip", "-T", "fields", *fields)
    return [tuple(line.split("\t")) for line in lines]


def told_by(journal: Journal, *kinds: type[SipSent] | type[SipReceived]) -> list[tuple[str, ...]]:
    """The same of the journal's messages, in the order of time."""
    events = [entry.event for entry in journal.recent() if isinstance(entry.event, kinds)]
    parsed = [Message.parse(event.text) for event in sorted(events, key=lambda one: one.at)]
    return [(one.method, str(one.status or ""), one.cseq_method, one.call_id or "") for one in parsed]


def written(folder: Path, pieces: Sequence[bytes]) -> Path:
    path = folder / "sip.pcap"
    path.write_bytes(b"".join(pieces))
    return path


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_the_same_messages_in_the_same_order(
    transport: str, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "tls")
    mine = authority.issue(LOOPBACK)
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    common = {"journal": journal, "transports": [transport], "srtp": SrtpMode.MANDATORY}
    tls = {"tls_cert": mine.cert, "tls_key": mine.key, "tls_ca": authority.ca} if transport == "tls" else {}
    callee = new_endpoint(name="callee", **common, **tls)
    caller = new_endpoint(name="caller", **common, **tls)
    for _ in range(2):
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(callee.uri, headers={"X-Note": "caf\u00e9"})
        incoming.value.ring()
        answered = incoming.value.answer()
        expect(outgoing).to_be_confirmed()
        expect(answered).to_be_confirmed()
        outgoing.hold()
        outgoing.hangup()
        expect(answered).to_be_disconnected()
        expect(outgoing).to_be_disconnected()
    callee.close()
    caller.close()
    journal.close()
    wanted = told_by(journal, SipSent)  # both ends are ours: what was sent is all that there was
    assert len(wanted) > 14
    for pieces in (list(of_file(path)), list(of_journal(journal))):
        capture = written(tmp_path, pieces)
        assert messages_of(capture) == wanted
        assert tshark(capture, "-Y", "_ws.malformed or _ws.expert.severity >= 6291456") == []
        ports = {
            tuple(line.split()) for line in tshark(capture, "-T", "fields", "-e", "ip.src", "-e", "ip.dst")
        }
        assert ports == {(LOOPBACK, LOOPBACK)}
        suites = tshark(capture, "-Y", "sdp", "-T", "fields", "-e", "sdp.crypto.crypto_suite")
        assert suites
        assert all("AES_CM_128_HMAC_SHA1_80" in line for line in suites)
        if transport != "udp":
            assert tshark(capture, "-Y", "tcp.analysis.flags") == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_messages_as_large_as_they_get(transport: str, tmp_path: Path) -> None:
    journal = Journal()
    for number in range(3):
        head = (
            f"MESSAGE sip:b@{LOOPBACK} SIP/2.0\r\nVia: SIP/2.0/UDP {LOOPBACK}:5062;branch=z9hG4bK{number}\r\n"
        )
        ends = f"From: <sip:a@{LOOPBACK}>;tag=1\r\nTo: <sip:b@{LOOPBACK}>\r\n"
        rest = f"{ends}Call-ID: a@b\r\nCSeq: {number} MESSAGE\r\nContent-Type: text/plain\r\n"
        text = f"{head}{rest}Content-Length: {BIG}\r\n\r\n{'x' * BIG}"
        local, peer = f"{LOOPBACK}:5062", f"{LOOPBACK}:5070"
        event = SipSent(at=number, transport=transport, peer=peer, local=local, text=text)
        journal.append("caller", event)
    capture = written(tmp_path, list(of_journal(journal)))
    assert messages_of(capture) == told_by(journal, SipSent)
    assert tshark(capture, "-Y", "_ws.malformed or tcp.analysis.flags") == []


def test_what_only_one_end_of_ours_saw(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    journals = [Journal(), Journal()]
    callee, caller = (new_endpoint(name=f"bot{n}", journal=one) for n, one in enumerate(journals))
    with callee.expect_call() as incoming:
        outgoing = caller.make_call(callee.uri)
    incoming.value.hangup(486)
    expect(outgoing).to_be_disconnected(code=486)
    caller.close()
    callee.close()
    for journal in journals:
        capture = written(tmp_path, list(of_journal(journal)))
        assert messages_of(capture) == told_by(journal, SipSent, SipReceived)
