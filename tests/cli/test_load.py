"""``srtpbot load``: verdicts on many calls, thresholds, reports, and its end."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import jsonschema
import pytest

from bot.load.detail import TIMELY
from bot.ua import Call, Controller
from tests.support.commands import NewBot
from tests.support.loading import END_S, NewPeer, rows
from tests.support.process import FAILED, INTERRUPTED, OK, TROUBLE, USAGE
from tests.support.starting import LOOPBACK

pytestmark = pytest.mark.timeout(150)
SHORT = ("--bind", LOOPBACK, "--codec", "PCMA", "--srtp", "mandatory")


class Busy(Controller):
    def on_incoming_call(self, call: Call) -> None:
        call.answer(486)


def test_every_call_is_verified(peer: NewPeer, srtpbot: NewBot, tmp_path: Path) -> None:
    bot = srtpbot(
        *("load", peer()[0], *SHORT, "--rate", 4, "--calls", 3, "--length", 5),
        *("--max-failures", "100%", "--out", "out", "--keep", "all", "--play", "tone:440:1"),
    )
    status = bot.end(END_S)
    assert status in {OK, TROUBLE}, bot.said
    out = tmp_path / "out"
    result = json.loads((out / "result.json").read_text())
    schema = srtpbot("schema", "load")
    assert schema.end() == OK
    jsonschema.validate(result, schema.json())
    assert (result["schema"], result["verdict"]) == ("srtpbot.load/1", "pass" if status == OK else "error")
    assert (result["figures"]["placed"], result["asked"]["calls"]) == (3, 3)
    calls = rows(out)
    assert [(row["suite"], row["codec"], row["digits"]) for row in calls] == [
        ("AES_CM_128_HMAC_SHA1_80", "PCMA", "1")
    ] * 3
    assert all(row["verdict"] == "pass" or row["cause"] in TIMELY for row in calls), calls
    assert len({row["markers_sent"] for row in calls}) == result["figures"]["verified"] == 3
    assert all(row["markers_heard"] == row["markers_sent"] for row in calls if row["verdict"] == "pass")
    assert {path.name for path in (out / "calls" / "000001").iterdir()} == {
        "begin.wav",
        "end.wav",
        "call.json",
        "journal.jsonl",
    }
    assert b"INVITE" in (out / "sip.pcap").read_bytes()
    page = (out / "report.html").read_text()
    assert "Failures by cause" in page
    assert page.count("<polyline") >= 4
    assert "begin.wav" in page


def test_steps_to_the_capacity(peer: NewPeer, srtpbot: NewBot) -> None:
    bot = srtpbot(
        *("load", peer(calls=2, max_calls=2)[0], *SHORT, "--concurrency", 5, "--step", "1:5:4/2"),
        *("--length", 1, "--verify", "0%", "--json", "-"),
    )
    assert bot.end(END_S) in {OK, FAILED, TROUBLE}, bot.said
    result = bot.json()
    held = [step["target"] for step in result["steps"] if step["held"]]
    assert held in ([1], []), "a starved machine breaks the first step too"
    assert result["capacity"] == (held[-1] if held else None)
    assert any("failed calls" in text for text in result["steps"][-1]["broken"])
    assert "486 Busy Here" in [cause["cause"] for cause in result["causes"]], result["causes"]


def test_a_threshold_decides(peer: NewPeer, srtpbot: NewBot) -> None:
    uri = peer(Busy)[0]
    common = ("load", uri, *SHORT, "--concurrency", 2, "--calls", 2, "--json", "-", "--junit", "junit.xml")
    bot = srtpbot(*common)
    assert bot.end(END_S) == FAILED, bot.said
    result = bot.json()
    [failed] = result["expectations"]
    assert failed["observed"] == "2 of 2 (100.000%): 2 x 486 Busy Here"
    assert result["figures"]["failed"] == 2
    bot = srtpbot(*common, "--max-failures", "100%")
    assert bot.end(END_S) == OK, bot.said


def test_this_side_is_the_limit(peer: NewPeer, srtpbot: NewBot) -> None:
    bot = srtpbot(
        *("load", peer()[0], *SHORT, "--rate", 10, "--for", 1.5, "--concurrency", 1, "--length", 1),
        *("--verify", "0%", "--json", "-"),
    )
    assert bot.end(END_S) == TROUBLE, bot.said
    result = bot.json()
    assert result["verdict"] == "error"
    assert result["error"].startswith("this side was the limit")
    assert result["own"]["missed"] > 5
    assert result["figures"]["failed"] == 0, "a peer is not to blame for that"


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt(times: int, peer: NewPeer, srtpbot: NewBot) -> None:
    bot = srtpbot("load", peer()[0], *SHORT, "--concurrency", 2, "--length", 600, "--json", "result.json")
    bot.line("agents are ready", stream="stdout")
    agents = bot.wait_for_agents()
    assert agents
    for _ in range(times):
        bot.send(signal.SIGINT)
    assert bot.end(END_S) == INTERRUPTED, bot.said
    assert bot.leaves_nothing()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--length", "x"], "--length: 'x': expected seconds such as 8, 5-10 or exp:30"),
        (["--length", "1"], "--length: a call whose audio is verified lasts 2.5 s at least"),
        (["--verify", "many"], "--verify: 'many': expected a percentage"),
        (["--step", "5:1:1/1"], "--step: '5:1:1/1': expected FROM:TO:BY/SECONDS"),
        (["--impair", "jitter=20ms"], "the library simulates loss only"),
        (["--impair", "loss=1%"], "expected a whole percentage from 2% on"),
        (["--p95-setup", "soon"], "--p95-setup: 'soon': expected milliseconds"),
        (["--play", "none.wav"], "--play: none.wav: no such file"),
        (["--users", "none.csv"], "--users none.csv: cannot be read"),
        (["--rate", "1", "--step", "1:2:1/1"], "remove --rate"),
    ],
)
def test_wrong_options(arguments: list[str], problem: str, srtpbot: NewBot) -> None:
    bot = srtpbot("load", "sip:100@127.0.0.1", *arguments)
    assert bot.end(END_S) == USAGE, bot.said
    assert problem in bot.stderr
    assert "Traceback" not in bot.stderr
