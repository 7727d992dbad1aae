"""report.html in a real browser: it renders, it is readable, and no request leaves the page."""

from __future__ import annotations

import contextlib
import http.server
import re
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import expect
from bot.errors import ExpectationFailed
from bot.ipc.events import ExpectationChecked
from bot.report.page import page
from bot.report.result import run_result
from bot.ua.journal import Entry, Journal
from media.audio.wav import write
from media.signals.tones import speech_like
from tests.support.programs import LOOPBACK
from tests.support.starting import NewEndpoint

pytestmark = pytest.mark.peer("chromium")

EVIL = "<img src=//{host}/img><script src=//{host}/js></script><style>@import '//{host}/css'</style>"


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A web server that nobody should ever ask, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{LOOPBACK}:{server.server_port}", asked
        server.shutdown()


def chromium(document: Path, *arguments: str) -> str:
    """Its standard output."""
    profile = document.with_name("profile")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    done = subprocess.run(
        [*command, f"--user-data-dir={profile}", "--virtual-time-budget=2000", *arguments, document.as_uri()],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def pixels(png: Path) -> set[tuple[int, ...]]:
    """The colours in a screenshot, of every 97th pixel; filters other than none are undone roughly."""
    data, at, packed = png.read_bytes(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(packed)
    return {tuple(raw[n : n + 3]) for n in range(0, len(raw) - 3, 97)}


@pytest.fixture
def report(new_endpoint: NewEndpoint, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A report of a call with everything in it, a failure and a peer that means harm."""
    journal = Journal()
    checked: list[ExpectationChecked] = []

    def note(entry: Entry) -> None:
        if isinstance(entry.event, ExpectationChecked):
            checked.append(entry.event)

    journal.observe(note)
    write(tmp_path / "speech.wav", speech_like(1.0, 8000, seed=1))
    with listening() as (host, asked):
        callee = new_endpoint(name="callee", journal=journal)
        caller = new_endpoint(name="caller", journal=journal)
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(callee.uri, headers={"Subject": EVIL.format(host=host)})
        answered = incoming.value.answer()
        expect(outgoing).to_be_confirmed()
        with answered.record(tmp_path / "heard.wav"):
            outgoing.play(tmp_path / "speech.wav").wait()
        outgoing.send_dtmf("1").wait()
        with pytest.raises(ExpectationFailed):
            expect(outgoing).to_use_codec("G722")
        outgoing.hangup()
        expect(answered).to_be_disconnected()
        agents = {one.name: one.ready for one in (callee, caller) if one.ready is not None}
        calls = [outgoing, answered]
        result = run_result(journal, 3.0, calls, checked, None)
        document = tmp_path / "report.html"
        document.write_bytes(page(result, calls, agents=agents))
        yield document, asked


def test_it_renders_and_asks_nobody(report: tuple[Path, list[str]]) -> None:
    document, asked = report
    dom = chromium(document, "--dump-dom")
    assert "srtpbot: fail</title>" in dom
    assert dom.count('class="rung"') >= 12
    assert dom.count('class="timeline"') == 2
    assert dom.count("<figure>") == 1
    assert "caller call 1 uses codec" in dom
    assert "<script" not in dom
    assert {link[:5] for link in re.findall(r'(?:src|href)="([^"]*)"', dom)} <= {
        "data:",
        "#all",
        "#c0-0",
        "#c0-1",
    }
    assert asked == []


def test_the_policy_alone_keeps_requests_in(report: tuple[Path, list[str]]) -> None:
    document, asked = report
    with listening() as (host, reached):
        inserted = document.with_name("inserted.html")
        harmful = EVIL.format(host=host).replace("=//", "=http://").replace("'//", "'http://")
        text = document.read_text()
        inserted.write_text(text.replace("<main>", f"<main>{harmful}"))
        chromium(inserted, "--dump-dom")
        assert reached == []
        inserted.write_text(re.sub("<meta http-equiv[^>]*>", "", text).replace("<main>", f"<main>{harmful}"))
        chromium(inserted, "--dump-dom")
        assert "/img" in reached  # which shows that the server would have seen it
    assert asked == []


def test_light_and_dark_wide_and_narrow(report: tuple[Path, list[str]]) -> None:
    document, _ = report
    shots = {}
    for name, size, scheme in (("light", "1200,900", 1), ("dark", "1200,900", 0), ("phone", "390,800", 1)):
        shot = document.with_name(f"{name}.png")
        scheme_setting = f"--blink-settings=preferredColorScheme={scheme}"
        chromium(
            document, f"--screenshot={shot}", f"--window-size={size}", "--hide-scrollbars", scheme_setting
        )
        shots[name] = shot.read_bytes()
        assert len(pixels(shot)) > 20  # there is something to see
    assert shots["light"] != shots["dark"]
    widths = {name: struct.unpack(">I", data[16:20])[0] for name, data in shots.items()}
    assert widths == {"light": 1200, "dark": 1200, "phone": 390}
