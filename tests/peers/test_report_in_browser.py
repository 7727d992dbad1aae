"""report.html in a real browser: players play, filters filter, and no request leaves the page."""

from __future__ import annotations

import contextlib
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bot import Endpoint, expect
from bot.cli.report_files import as_json
from bot.errors import ExpectationFailed
from bot.interop.page import page_of_matrix
from bot.ipc.events import ExpectationChecked
from bot.report import page_files
from bot.report.merged import merged_page, results_in
from bot.report.page import page_of
from bot.report.result import ReportedRun, run_result
from bot.report.steps import StepResult
from bot.ua.journal import Entry, Journal
from media.audio.wav import write
from media.signals.tones import speech_like
from tests.support.build import result, usual
from tests.support.chromium import Browser, browser
from tests.support.programs import LOOPBACK
from tests.support.results import result as passed

pytestmark = pytest.mark.peer("chromium")

EVIL = "<img src=//{host}/img><script src=//{host}/js></script><style>@import '//{host}/css'</style>"
SHOWN = "[...document.querySelectorAll('{}')].filter(one => !one.closest('[hidden]')).length"


class Reports(NamedTuple):
    """The same report in one file, and with its audio beside it; what the web server was asked."""

    whole: Path
    divided: Path
    asked: list[str]


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reports]:
    """Two runs: a call with everything in it, a failure and a peer that means harm; and a run that passed."""
    folder = tmp_path_factory.mktemp("reports")
    journal = Journal()
    checked: list[ExpectationChecked] = []

    def note(entry: Entry) -> None:
        if isinstance(entry.event, ExpectationChecked):
            checked.append(entry.event)

    journal.observe(note)
    write(folder / "speech.wav", speech_like(1.0, 8000, seed=1))
    with (
        listening() as (host, asked),
        Endpoint(name="callee", bind=LOOPBACK, journal=journal) as callee,
        Endpoint(name="caller", bind=LOOPBACK, journal=journal) as caller,
    ):
        with callee.expect_call() as incoming:
            outgoing = caller.make_call(callee.uri, headers={"Subject": EVIL.format(host=host)})
        answered = incoming.value.answer()
        expect(outgoing).to_be_confirmed()
        with answered.record(folder / "heard.wav"):
            outgoing.play(folder / "speech.wav").wait()
        outgoing.send_dtmf("1").wait()
        with pytest.raises(ExpectationFailed):
            expect(outgoing).to_use_codec("G722")
        outgoing.hangup()
        expect(answered).to_be_disconnected()
        agents = {one.name: one.ready for one in (callee, caller) if one.ready is not None}
        calls = [outgoing, answered]
        bad = run_result(journal, 3.0, calls, checked, None)
        fine = run_result(journal, 1.0, [], [], None)
        at = outgoing.facts.started_at - journal.started_at
        steps = [
            StepResult(
                step="steps[0].call", line=7, text="call: from: caller", on=["caller"], verdict="pass",
                at_s=at - 0.001, duration_s=0.01,
            )
        ]  # fmt: skip
        runs = [
            ReportedRun("fine", fine, file="fine.yaml"),
            ReportedRun(
                "bad",
                bad,
                calls,
                file="bad.yaml",
                title="A title",
                steps=steps,
                started_at=journal.started_at,
            ),
        ]
        whole = folder / "report.html"
        whole.write_bytes(page_of(runs, agents=agents, folder=folder))
        divided = folder / "divided.html"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(page_files, "MOST_BYTES", 0)
            divided.write_bytes(page_of(runs, agents=agents, folder=folder))
        yield Reports(whole, divided, asked)


def test_it_renders_and_asks_nobody(reports: Reports, chromium: Browser) -> None:
    chromium.open(reports.whole.as_uri())
    assert chromium.run("document.title").endswith("srtpbot: fail")
    assert chromium.run("document.querySelectorAll('.rung').length") >= 12
    assert chromium.run("document.querySelectorAll('.timeline').length") == 2
    assert chromium.run("document.querySelectorAll('figure img').length") == 1
    assert chromium.run("document.querySelector('.step ul').textContent.includes('INVITE')")
    links = chromium.run("[...document.querySelectorAll('[src],[href]')].map(one => one.getAttribute('src')"
                         " || one.getAttribute('href'))")  # fmt: skip
    assert {link for link in links if not link.startswith(("data:", "#"))} == {"heard.wav"}
    assert chromium.requests == [reports.whole.as_uri()]
    assert chromium.complaints == []
    assert reports.asked == []


@pytest.mark.parametrize("divided", [False, True], ids=["in the page", "beside the page"])
def test_players_play_and_the_cursor_moves_everywhere(
    reports: Reports, chromium: Browser, divided: bool
) -> None:
    chromium.open((reports.divided if divided else reports.whole).as_uri())
    sides = chromium.run("[...document.querySelectorAll('audio')].map(one => one.dataset.side)")
    assert sides == ["sent", "heard", "both"]
    assert chromium.run("document.body.textContent.includes('beside it in the folder')") == divided
    chromium.run("document.querySelectorAll('details.call').forEach(one => one.open = true)")
    for number in range(3):
        audio = f"document.querySelectorAll('audio')[{number}]"
        chromium.until(f"{audio}.readyState >= 1")
        assert 0.9 < chromium.run(f"{audio}.duration") < 5
        chromium.run(f"{audio}.play().then(() => true)")
        chromium.until(f"{audio}.currentTime > 0.2 && !{audio}.error")
        call = f"{audio}.closest('.call')"
        chromium.until(f"Number({call}.dataset.now) > Number({audio}.dataset.start) + 0.1")
        tracks = f"[...{call}.querySelectorAll('.track .cursor')].map(one => !one.hidden && one.style.left)"
        assert all(chromium.run(tracks))
        assert chromium.run(f"{call}.querySelectorAll('.ladder .now').length") == 1
        chromium.run(f"{audio}.pause()")
    assert chromium.complaints == []
    assert all(url.startswith(reports.whole.parent.as_uri()) for url in chromium.requests)


def test_a_click_in_the_picture_seeks(reports: Reports, chromium: Browser) -> None:
    chromium.open(reports.whole.as_uri())
    chromium.run("document.querySelectorAll('details.call').forEach(one => one.open = true)")
    chromium.until("document.querySelector('audio').readyState >= 1")
    chromium.run(
        "(() => { const track = document.querySelector('figure .track'), box = track.getBoundingClientRect();"
        "track.dispatchEvent(new MouseEvent('click', {clientX: box.left + box.width / 2})); })()"
    )
    assert chromium.run("document.querySelector('audio').currentTime") > 0.2


def test_filters_filter_and_sorting_sorts(reports: Reports, chromium: Browser) -> None:
    chromium.open(reports.whole.as_uri())
    runs = SHOWN.format("section.run")
    assert chromium.run(runs) == 2
    chromium.run("document.querySelector('[type=checkbox]').click()")
    assert chromium.run(runs) == 1
    chromium.run("document.querySelector('[type=checkbox]').click()")
    type_words = "(() => {{ const box = document.querySelector('[type=search]'); box.value = '{}';"
    type_words += "box.dispatchEvent(new Event('input')); }})()"
    chromium.run(type_words.format("FINE"))
    assert chromium.run(runs) == 1
    chromium.run(type_words.format("no such words"))
    assert chromium.run(runs) == 0
    chromium.run(type_words.format(""))
    names = "[...document.querySelectorAll('section.run')].map(one => one.dataset.name)"
    for order, expected in (
        ("name", ["bad", "fine"]),
        ("order", ["fine", "bad"]),
        ("failed", ["bad", "fine"]),
    ):
        chromium.run(f"(() => {{ const box = document.querySelector('select'); box.value = '{order}';"
                     "box.dispatchEvent(new Event('change')); })()")  # fmt: skip
        assert chromium.run(names) == expected
    chromium.run("document.querySelector('.tools button').click()")
    assert chromium.run("[...document.querySelectorAll('main details')].every(one => one.open)")
    chromium.run("document.querySelector('.tools button').click()")
    chromium.run("document.querySelector('.step a').click()")
    chromium.until("[...document.querySelectorAll('.ladder details')].some(one => one.open)")
    assert chromium.complaints == []


def test_without_scripts_it_is_readable(reports: Reports, chromium: Browser) -> None:
    chromium.open(reports.whole.as_uri(), scripts=False)
    assert chromium.run(SHOWN.format(".tools")) == 0
    assert chromium.run(SHOWN.format(".cursor")) == 0
    assert chromium.run(SHOWN.format("audio[controls]")) == 3
    assert chromium.run(SHOWN.format(".run, .call, .step")) >= 4


def test_the_policy_alone_keeps_requests_and_scripts_in(reports: Reports, chromium: Browser) -> None:
    with listening() as (host, reached):
        inserted = reports.whole.with_name("inserted.html")
        harmful = EVIL.format(host=host).replace("=//", "=http://").replace("'//", "'http://")
        harmful += "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
        text = reports.whole.read_text()
        inserted.write_text(text.replace("<main>", f"<main>{harmful}"))
        chromium.open(inserted.as_uri())
        assert reached == []
        assert chromium.run("document.title") != "run"
        assert chromium.complaints
        inserted.write_text(re.sub("<meta http-equiv[^>]*>", "", text).replace("<main>", f"<main>{harmful}"))
        chromium.open(inserted.as_uri())
        assert "/img" in reached  # which shows that the server would have seen it
        assert chromium.run("document.title") == "run"
    assert reports.asked == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_banner_of_a_matrix_leads_to_its_bad_cells(
    scripts: bool, chromium: Browser, tmp_path: Path
) -> None:
    page = tmp_path / "matrix.html"
    page.write_bytes(page_of_matrix(result(usual()), {}, {}))
    chromium.open(page.as_uri(), width=390, scripts=scripts)
    links = "[...document.querySelectorAll('header .noted a, .banner .noted a')]"
    names = chromium.run(f"{links}.map(one => one.textContent)")
    assert names == [
        cell.id for word in ("fail", "deviates") for cell in result(usual()).cells if cell.verdict == word
    ]
    for number in range(len(names)):
        chromium.run(f"{links}[{number}].click()")
        chromium.until(f"'#' + document.querySelector(':target')?.id === decodeURI({links}[{number}].hash)")
        assert chromium.run("document.querySelector(':target').open")
        assert -1 <= chromium.run("document.querySelector(':target').getBoundingClientRect().top") < 900
    assert chromium.complaints == []


def test_the_page_of_several_runs_on_a_phone(reports: Reports, chromium: Browser, tmp_path: Path) -> None:
    for name in ("one", "two of them"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_bytes(as_json(passed()))
        shutil.copy(reports.whole, tmp_path / name / "report.html")
    page = tmp_path / "merged.html"
    page.write_bytes(merged_page(results_in(tmp_path), title="week", folder=tmp_path))
    chromium.open(page.as_uri(), width=390)
    assert chromium.run("document.documentElement.scrollWidth") == 390
    links = chromium.run("[...document.querySelectorAll('td a')].map(one => one.href)")
    assert links == [(tmp_path / name / "report.html").as_uri() for name in ("one", "two of them")]


@pytest.mark.parametrize("width", [1400, 390])
def test_light_and_dark_wide_and_narrow(reports: Reports, chromium: Browser, width: int) -> None:
    colours = set()
    for dark in (False, True):
        chromium.open(reports.whole.as_uri(), width=width, dark=dark)
        chromium.run("document.querySelectorAll('main details').forEach(one => one.open = true)")
        assert chromium.run("document.documentElement.scrollWidth") <= width
        colours.add(chromium.run("getComputedStyle(document.body).backgroundColor"))
        assert chromium.picture(reports.whole.with_name("shot.png")).stat().st_size > 10_000
    assert len(colours) == 2
