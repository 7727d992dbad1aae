"""bot.report.page: an HTML page with the failures first, without injected text of a peer."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

from bot.ipc.events import ExpectationChecked, StreamMeasured
from bot.model import RtpCounters, StreamStats
from bot.report.page import DETAILED, call_of, page, page_of
from bot.report.result import ReportedRun, run_result
from tests.support.fakes import KEY, SUITE, Rig, message, ready, response, sdp


class Reader(HTMLParser):
    """Collects the tags and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open = 0
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.open += tag == "details" and ("open", None) in attrs
        self.scripts += tag == "script"

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
    text = "".join(read(page(result, [line.call])).text).partition("Failed expectations")[2]
    assert text.index("second") < text.index("first") < text.index("third")
    assert "srtpbot: fail" in "".join(read(page(result, [line.call])).text)


def test_messages_are_in_it_and_keys_are_not(rig: Rig) -> None:
    line = rig.confirmed()
    result = run_result(rig.journal, 1.0, [line.call], [], None)
    text = "".join(read(page(result, [line.call])).text)
    assert "INVITE sip:peer@127.0.0.1:5070 SIP/2.0" in text
    assert "200 OK (INVITE)" in text
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
    assert reader.scripts == 1  # the page's own
    assert "img" not in reader.tags
    assert "".join(reader.text).count(evil) >= 4


def test_it_needs_nothing_from_outside(rig: Rig) -> None:
    line = rig.confirmed()
    reader = read(page(run_result(rig.journal, 1.0, [line.call], [], "error"), [line.call]))
    assert all(link.startswith("#") for link in reader.links)


def test_an_empty_run(rig: Rig) -> None:
    document = page(run_result(rig.journal, 0.0, [], [], None), [])
    assert document.startswith(b"<!doctype html>")
    assert "No call was placed or answered." in "".join(read(document).text)
    assert "srtpbot: pass" in "".join(read(document).text)  # nothing was expected, and nothing broken
    assert "srtpbot: fail" in "".join(read(page_of([])).text)


def test_a_policy_that_lets_nothing_in(rig: Rig) -> None:
    document = page(run_result(rig.journal, 0.0, [], [], None), []).decode()
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', document)
    assert found
    rules = dict(rule.split(" ", 1) for rule in unescape(found[1]).split("; "))
    own = document.partition("<script>")[2].partition("</script>")[0]
    digest = b64encode(sha256(own.encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "media-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not re.search(r"url\(|@import|https?:", document.partition("</style>")[0])


def test_links_lead_somewhere_and_every_id_is_there_once(rig: Rig) -> None:
    lines = [rig.confirmed() for _ in range(3)]
    calls = [line.call for line in lines]
    checks = [checked(rig, "call 2 is confirmed", False), checked(rig, "call 1 is confirmed", True)]
    result = run_result(rig.journal, 1.0, calls, checks, None)
    reader = read(page_of([ReportedRun("one", result, calls), ReportedRun("two", result, calls)]))
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link.removeprefix("#") for link in reader.links} <= set(reader.ids)
    assert {"#c0-1", "#c1-1", "#s0", "#s1"} <= set(reader.links)


def test_an_expectation_is_of_the_call_that_it_names(rig: Rig) -> None:
    calls = [rig.confirmed().call for _ in range(12)]
    names = ["call 1 is confirmed", "call 12 has header", "call 13 rings", "calls ended", "caller call 1 x"]
    result = run_result(rig.journal, 1.0, calls, [checked(rig, name, True) for name in names], None)
    assert [call_of(one, result.calls) for one in result.expectations] == [0, 11, None, None, None]


def test_of_many_calls_those_that_failed_are_open(rig: Rig) -> None:
    lines = [rig.outgoing() for _ in range(4)]
    for line in lines[:3]:
        line.answered()
    lines[3].received(response(lines[3].dialog, 486, "Busy Here"))
    lines[3].ended(486, "Busy Here")
    calls = [line.call for line in lines]
    result = run_result(rig.journal, 1.0, calls, [checked(rig, "call 4 is confirmed", False)], None)
    document = page(result, calls)
    assert read(document).open == 1
    assert re.search(rb'<details class="call item fail" id="c0-3" [^>]* open>', document)


def test_a_recording_is_drawn_and_one_that_cannot_be_read_is_told(rig: Rig, tmp_path: Path) -> None:
    from media.audio.wav import write
    from media.signals.tones import tone

    line = rig.confirmed()
    for name in ("heard.wav", "broken.wav"):
        recording = line.call.record(tmp_path / name)
        recording.stop(linger=0)
    write(tmp_path / "heard.wav", tone([440], 1.0, 8000))
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    reader = read(page(run_result(rig.journal, 1.0, [line.call], [], None), [line.call]))
    kinds = [link.partition(",")[0] for link in reader.links if link.startswith("data:")]
    assert kinds == ["data:image/svg+xml;base64", "data:audio/flac;base64"]
    assert "broken.wav" in "".join(reader.text)


def test_scenarios_are_listed_those_that_failed_first(rig: Rig) -> None:
    passed = run_result(rig.journal, 1.0, [], [checked(rig, "a", True)], None)
    failed = run_result(rig.journal, 1.0, [], [checked(rig, "b", False)], None)
    text = "".join(read(page_of([ReportedRun("fine", passed), ReportedRun("bad", failed)], title="all")).text)
    assert text.index("bad") < text.index("fine")
    assert "all: fail" in text
    assert "2 scenarios" in text


def test_where_it_ran(rig: Rig) -> None:
    result = run_result(rig.journal, 1.0, [], [], None)
    text = "".join(read(page(result, [], agents={"callee": ready()})).text)
    assert "PJSIP 2.15.1" in text
    assert "udp 127.0.0.1:5062" in text


def test_200_calls_in_bounded_time_and_size(rig: Rig) -> None:
    calls = []
    for _ in range(DETAILED + 20):
        line = rig.confirmed()
        line.ended()
        calls.append(line.call)
    result = run_result(rig.journal, 1.0, calls, [], None)
    before = time.process_time()
    document = page(result, calls)
    assert time.process_time() - before < 5  # 0.15 s when it was measured
    assert len(document) < 6_000_000  # 1.5 MB with 200 calls
    assert document.count(b'<div class="row">') == 20
    assert document.count(b'<details class="call item"') == DETAILED


def test_remarks_on_the_received_packets_stand_below_the_streams_alone(rig: Rig) -> None:
    line = rig.confirmed()
    rx = RtpCounters(packets=100, bytes=1, lost=0, discarded=0, silent=True)
    stats = StreamStats(rx=rx, tx=RtpCounters(packets=100, bytes=1, lost=0))
    line.driver.feed(StreamMeasured(at=1.0, call=line.number, index=0, stats=stats, final=True))
    document = page(run_result(rig.journal, 1.0, [line.call], [], None), [line.call])
    assert "".join(read(document).text).count("all of it silence") == 1
