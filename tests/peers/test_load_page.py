"""Locust's web page of a load on several machines, in a browser."""

from __future__ import annotations

import csv
import signal
import urllib.request
from pathlib import Path

import pytest

from bot.bots.parrot import Parrot
from bot.fleet import Fleet
from tests.support import chromium
from tests.support.commands import NewBot, srtpbot
from tests.support.process import INTERRUPTED, OK
from tests.support.starting import LOOPBACK

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.timeout(400)]
END_S = 300.0


__all__ = ["srtpbot"]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "calls.csv").open(newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["number"]))


def text_of(page: str) -> str:
    with urllib.request.urlopen(page, timeout=END_S) as answer:
        text: str = answer.read().decode()
        return text


def test_the_page_shows_the_calls_of_all_workers(srtpbot: NewBot, tmp_path: Path) -> None:
    own = f"{LOOPBACK}:0"
    with (
        Fleet(name="echo", calls=4, controller=Parrot, bind=LOOPBACK) as fleet,
        chromium.browser() as browser,
    ):
        [uri] = fleet.uris
        load = ("--concurrency", 2, "--for", 600, "--length", 1, "--verify", "0%", "--max-failures", "100%")
        master = srtpbot(
            "load",
            uri,
            "--master",
            own,
            "--workers",
            2,
            "--web",
            own,
            *load,
            "--join-timeout",
            END_S,
            "--out",
            "master",
        )
        where, page = master.line(r"^master at (\S+),")[1], master.line(r"^web page: (\S+)")[1]
        assert "has not begun yet" in text_of(page)
        workers = [srtpbot("load", uri, "--worker", where, "--bind", LOOPBACK, "--out", out) for out in "ab"]
        master.until(lambda: "has not begun yet" not in text_of(page), END_S)
        browser.open(page)
        browser.until("/CALL[^]*Aggregated/.test(document.body.innerText)", 60)
        assert uri in browser.run("document.body.innerText")
        assert browser.run("fetch('/stop', {method: 'POST'}).then(answer => answer.status)") == 403
        assert browser.run("fetch('/stats/requests').then(answer => answer.json())")["worker_count"] == 2
        browser.picture(tmp_path / "page.png")
        master.send(signal.SIGINT)
        assert [bot.end(END_S) for bot in (master, *workers)] == [INTERRUPTED, OK, OK], master.said
    calls = [rows(tmp_path / out) for out in "ab"]
    assert rows(tmp_path / "master") == sorted([*calls[0], *calls[1]], key=lambda row: int(row["number"]))
    assert all(calls)
