"""bot.report.sip_pcap: every message of the journal once, in order, with its addresses and no secret."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ipc.events import AgentReady, AnyEvent, Listener, SipReceived, SipSent
from bot.model import Transport
from bot.report.sip_pcap import message_bytes, of_file, of_journal
from bot.ua.journal import Journal
from tests.support.fakes import KEY, SUITE, invite, ready, response, sdp

CALLER, CALLEE = "127.0.0.1:5062", "127.0.0.1:5070"


def packets(capture: Iterator[bytes]) -> list[tuple[float, bytes]]:
    """Time and content of each record."""
    data = b"".join(capture)[24:]
    found = []
    while data:
        seconds, microseconds, length, _ = struct.unpack("<IIII", data[:16])
        found.append((seconds + microseconds / 1e6, data[16 : 16 + length]))
        data = data[16 + length :]
    return found


def first_lines(capture: Iterator[bytes], head: int = 28) -> list[str]:
    return [packet[head:].decode().split("\r\n")[0] for _, packet in packets(capture)]


def ports(packet: bytes) -> tuple[int, ...]:
    return struct.unpack("!HH", packet[20:24])


def sent(text: str, at: float, **more: str) -> SipSent:
    return SipSent(at=at, text=text, **{"transport": "udp", "peer": CALLEE, "local": CALLER, **more})


def received(
    text: str, at: float, *, transport: str = "udp", peer: str = CALLEE, local: str = CALLER
) -> SipReceived:
    return SipReceived(at=at, text=text, transport=transport, peer=peer, local=local)


def journal_of(*entries: tuple[str, AnyEvent], path: Path | None = None) -> Journal:
    journal = Journal(path)
    for name, event in entries:
        journal.append(name, event)
    return journal


def test_messages_with_their_times_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    zero = journal.started_at
    journal.append("caller", sent(invite("a@b"), zero + 1))
    journal.append("caller", received(response("a@b", 200, "OK"), zero + 1.25))
    journal.close()
    for capture in (of_file(path), of_journal(journal)):
        (first, invited), (second, answered) = packets(capture)
        assert first == pytest.approx(journal.started.timestamp() + 1, abs=2e-6)
        assert second - first == pytest.approx(0.25, abs=2e-6)
        assert (ports(invited), ports(answered)) == ((5062, 5070), (5070, 5062))
        assert invited[28:].decode() == invite("a@b")
        assert answered[28:].decode() == response("a@b", 200, "OK")


def test_what_both_ends_tell_was_one_packet() -> None:
    text, answer = invite("a@b"), response("a@b", 200, "OK")
    there = {"peer": CALLER, "local": CALLEE}
    journal = journal_of(
        ("callee", received(text, 1.001, **there)),  # its pipe was faster
        ("caller", sent(text, 1.0)),
        ("callee", sent(answer, 1.1, **there)),
        ("caller", received(answer, 1.2)),
    )
    assert first_lines(of_journal(journal)) == ["INVITE sip:peer@127.0.0.1:5070 SIP/2.0", "SIP/2.0 200 OK"]


def test_retransmissions_stay() -> None:
    text = invite("a@b")
    there = {"peer": CALLER, "local": CALLEE}
    journal = journal_of(
        ("caller", sent(text, 1.0)),
        ("caller", sent(text, 1.5)),  # the first one was lost
        ("callee", received(text, 1.6, **there)),
        ("caller", sent(text, 2.5)),
    )
    assert [at for at, _ in packets(of_journal(journal))] == sorted(
        at for at, _ in packets(of_journal(journal))
    )
    assert len(first_lines(of_journal(journal))) == 3


def test_the_same_text_between_others_is_another_packet() -> None:
    text = invite("a@b")
    elsewhere = {"peer": "192.0.2.9:5060", "local": CALLEE}
    journal = journal_of(("caller", sent(text, 1.0)), ("callee", received(text, 1.1, **elsewhere)))
    assert len(packets(of_journal(journal))) == 2


def test_an_own_end_that_one_message_tells_is_that_of_the_others() -> None:
    more = {"transport": "tcp", "local": ""}
    journal = journal_of(
        ("caller", sent(invite("a@b"), 1.0, **more)),
        ("caller", received(response("a@b", 200, "OK"), 1.1, transport="tcp", local="127.0.0.1:40001")),
    )
    assert [ports(packet) for _, packet in packets(of_journal(journal))] == [(40001, 5070), (5070, 40001)]


def test_an_own_end_that_nobody_tells_is_the_listener(tmp_path: Path) -> None:
    listens: AgentReady = ready(Listener(Transport.UDP, "192.0.2.7", 5099))
    journal = journal_of(("caller", listens), ("caller", sent(invite("a@b"), 1.0, local="")))
    ((_, packet),) = packets(of_journal(journal))
    assert packet[12:16] == bytes([192, 0, 2, 7])
    assert ports(packet) == (5099, 5070)


def test_ends_that_are_unknown_do_not_matter() -> None:
    journal = journal_of(("caller", sent(invite("a@b"), 1.0, local="", peer="somewhere")))
    assert len(packets(of_journal(journal))) == 1


def test_tcp_is_one_stream() -> None:
    texts = [invite("a@b"), invite("a@b", cseq=2)]
    journal = journal_of(
        ("caller", sent(texts[0], 1.0, transport="tcp")),
        ("caller", received(response("a@b", 100, "Trying"), 1.1, transport="tcp")),
        ("caller", sent(texts[1], 1.2, transport="tls", peer="127.0.0.1:5071")),
        ("caller", sent(texts[1], 1.3, transport="tcp")),
    )
    found = [packet for _, packet in packets(of_journal(journal))]
    sequences = [struct.unpack("!II", packet[24:32]) for packet in found]
    length, trying = len(texts[0]), len(response("a@b", 100, "Trying"))
    assert sequences == [(1, 1), (1, 1 + length), (1, 1), (1 + length, 1 + trying)]
    assert [packet[9] for packet in found] == [6] * 4
    assert found[3][40:].decode() == texts[1]


def test_no_key_and_a_length_that_is_right() -> None:
    body = sdp(SUITE)
    text = invite("a@b", headers={"Content-Length": str(len(body))}, body=body)
    assert KEY not in text
    content = message_bytes(text).decode()
    head, _, rest = content.partition("\r\n\r\n")
    assert KEY not in content
    assert f"Content-Length: {len(rest)}" in head
    assert rest.count("[redacted]") == 5  # forty letters of base64, as a key of 30 bytes has
    assert rest.replace("[redacted]" * 5, "[redacted]") == text.partition("\r\n\r\n")[2]


@pytest.mark.parametrize(
    "text",
    ["", "OPTIONS", "INVITE sip:a@b SIP/2.0\r\nContent-Length: 99\r\n\r\nshort", "caf\u00e9 \udcff"],
)
def test_what_has_no_secret_is_as_it_was(text: str) -> None:
    assert message_bytes(text) == text.encode("utf-8", "backslashreplace")


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = journal_of(("caller", sent(invite("a@b"), 1.0)), path=path)
    journal.append("caller", sent(invite("c@d"), 2.0))
    journal.close()
    path.write_bytes(path.read_bytes()[:-40])
    assert len(packets(of_file(path))) == 1


def test_what_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("hello\n")
    with pytest.raises(ValueError, match="not a journal"):
        list(of_file(path))


def test_nothing_is_a_capture_too() -> None:
    assert len(b"".join(of_journal(Journal()))) == 24


def test_both_parts_of_a_bounded_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, most_bytes=4000)
    number = 0
    while not (tmp_path / "journal.1.jsonl").exists():
        journal.append("caller", sent(invite(f"{number}@b"), journal.started_at + number))
        number += 1
    assert len(packets(of_file(path))) == number > 1
