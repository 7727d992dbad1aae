"""bot.report.page: one HTML page, with what failed first and nothing that the peer could inject."""

from __future__ import annotations

from html.parser import HTMLParser

from bot.events import ExpectationChecked
from bot.report.page import page
from bot.report.result import run_result
from tests.bot.fakes import KEY, SUITE, Rig, message, sdp


class Reader(HTMLParser):
    """Collects the tags and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(document: bytes) -> Reader:
    reader = Reader()
    reader.feed(document.decode())
    reader.close()
    return reader


def checked(rig: Rig, name: str, passed: bool) -> ExpectationChecked:
    return ExpectationChecked(
        at=rig.journal.started_at, name=name, passed=passed, expected="<e>", observed="<o>", call=1
    )


def test_what_failed_comes_first(rig: Rig) -> None:
    line = rig.confirmed()
    verdicts = [checked(rig, "first", True), checked(rig, "second", False), checked(rig, "third", True)]
    result = run_result(rig.journal, 1.0, [line.call], verdicts, None)
    text = "".join(read(page(result, [line.call])).text)
    assert text.index("second") < text.index("first") < text.index("third")
    assert "srtpbot: fail" in text


def test_messages_are_in_it_and_keys_are_not(rig: Rig) -> None:
    line = rig.confirmed()
    result = run_result(rig.journal, 1.0, [line.call], [], None)
    text = "".join(read(page(result, [line.call])).text)
    assert "--> INVITE sip:peer@127.0.0.1:5070" in text
    assert "<-- 200 OK (INVITE)" in text
    assert SUITE in text
    assert KEY not in text


def test_the_peer_injects_nothing(rig: Rig) -> None:
    evil = "<script>alert(1)</script><img src=x>"
    line = rig.confirmed()
    line.received(message(f"INFO {evil} SIP/2.0", line.dialog, "3 INFO", {"X-Evil": evil}, evil + sdp()))
    line.ended(486, evil)
    verdicts = [checked(rig, evil, False)]
    result = run_result(rig.journal, 1.0, [line.call], verdicts, evil)
    reader = read(page(result, [line.call]))
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert "".join(reader.text).count(evil) >= 4


def test_it_needs_nothing_from_outside(rig: Rig) -> None:
    line = rig.confirmed()
    reader = read(page(run_result(rig.journal, 1.0, [line.call], [], "error"), [line.call]))
    assert reader.links == []


def test_an_empty_run(rig: Rig) -> None:
    document = page(run_result(rig.journal, 0.0, [], [], None), [])
    assert document.startswith(b"<!doctype html>")
