"""The output files of a run, without secrets."""

from __future__ import annotations

import base64
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bot import expect
from tests.support.commands import NewBot
from tests.support.process import OK, Bot
from tests.support.starting import LOOPBACK, NewEndpoint

PASSWORD = "correct-horse-battery-staple"
KEY = re.compile(r"inline:([A-Za-z0-9+/=]{40,})")


@pytest.fixture
def parrot(answer: NewBot) -> str:
    return answer("--srtp", "mandatory").uri()


def everything(folder: Path, *bots: Bot, besides: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """All that was written, by name: every file of the folder and what each process said."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in besides:
            yield path.name, path.read_bytes().decode("latin-1")
    for bot in bots:
        yield "stdout", bot.stdout
        yield "stderr", bot.stderr


def test_out_folder_has_every_report(parrot: str, call: NewBot, speech: Path, tmp_path: Path) -> None:
    options = ["--srtp", "mandatory", "--play", speech, "--expect-audio", speech]
    bot = call(parrot, *options, "--out", "new/out", "--duration", 3)
    assert bot.end() == OK, bot.said
    out = tmp_path / "new" / "out"
    assert {path.name for path in out.iterdir()} >= {
        "result.json",
        "junit.xml",
        "journal.jsonl",
        "received.wav",
    }
    result = json.loads((out / "result.json").read_text())
    assert result["verdict"] == "pass"
    suite = ET.parse(out / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert int(suite.get("tests", 0)) == len(result["expectations"]) == len(suite.findall("testcase"))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    opening, *entries = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert opening["schema"] == "srtpbot.journal/1"
    kinds = {entry["event"]["type"] for entry in entries}
    assert kinds >= {
        "AgentReady",
        "CallStarted",
        "SipSent",
        "SipReceived",
        "MediaStateChanged",
        "AgentStopped",
    }
    assert "verdict: pass" in bot.stdout.replace("PASS", "pass")


def test_stdout_is_nothing_but_json(parrot: str, call: NewBot) -> None:
    bot = call(
        parrot,
        "--srtp",
        "mandatory",
        "--duration",
        0.3,
        "--json",
        "-",
        "-vv",
        "--trace",
        "--expect-codec",
        "X",
    )
    assert bot.end() == 1
    assert bot.json()["verdict"] == "fail"
    assert "FAIL" in bot.stderr


def test_key_log_alone_has_the_keys(parrot: str, call: NewBot, tmp_path: Path) -> None:
    log = tmp_path / "keys"
    log.write_text("of yesterday")
    log.chmod(0o644)
    suites = ["--suite", "AES_CM_128_HMAC_SHA1_80", "--suite", "AES_256_CM_HMAC_SHA1_80"]
    options = ["--srtp", "mandatory", *suites, "--keylog", "keys", "--out", "out", "--duration", 0.5]
    bot = call(parrot, *options, "-vv", "--trace")
    assert bot.end() == OK, bot.said
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    keys = set(KEY.findall(log.read_text()))
    assert len(keys) == 3  # two offered, one answered
    assert {len(base64.b64decode(key)) for key in keys} == {30, 46}
    for name, text in everything(tmp_path, bot, besides=("keys",)):
        assert not [key for key in keys if key in text or key.rstrip("=") in text], name
        assert not KEY.search(text), name
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in bot.stderr  # the messages are shown all the same


def test_without_key_log_no_key_is_written_anywhere(answer: NewBot, call: NewBot, tmp_path: Path) -> None:
    callee = answer("--srtp", "mandatory", "-vv", "--trace", "--out", "callee", "--calls", 1)
    options = ["--srtp", "mandatory", "--out", "caller", "--duration", 0.5, "-vv", "--trace"]
    bot = call(callee.uri(), *options)
    assert bot.end() == OK, bot.said
    assert callee.end() == OK, callee.said
    for name, text in everything(tmp_path, bot, callee):
        assert not KEY.search(text), name
        assert not re.search(r"(?i)master[ _]?key\W+[0-9A-Za-z+/]{16}", text), name


@pytest.mark.parametrize("by_environment", [True, False])
def test_password_is_never_shown(
    by_environment: bool, call: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    callee = new_endpoint()
    secret = {"SRTPBOT_PASSWORD": PASSWORD} if by_environment else {}
    option = [] if by_environment else ["--password", PASSWORD]
    options = [
        "--user",
        "alice",
        *option,
        "--out",
        "out",
        "--duration",
        0.3,
        "-vv",
        "--trace",
        "--json",
        "r.json",
    ]
    bot = call(callee.uri, *options, **secret)
    with callee.expect_call(timeout=15) as incoming:
        pass
    challenge = {"WWW-Authenticate": 'Digest realm="test", nonce="abc123", algorithm=MD5'}
    incoming.value.answer(401, headers=challenge)
    with callee.expect_call(timeout=5) as again:
        pass
    credentials = again.value.header("Authorization") or ""
    assert 'username="alice"' in credentials
    again.value.answer()
    expect(again.value).to_have_active_media()
    assert bot.end() == OK, bot.said
    for name, text in everything(tmp_path, bot):
        assert PASSWORD not in text, name
        assert not re.search(r'response="[0-9a-f]{32}"', text), name


def test_password_is_not_shown_by_an_error(srtpbot: NewBot, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"password: [{PASSWORD}]\n")
    for arguments in (["--config", "config.yaml"], ["--password", f"{PASSWORD}\n"]):
        bot = srtpbot("call", f"sip:nobody@{LOOPBACK}:9", *arguments)
        assert bot.end() == 2, bot.said
        assert PASSWORD not in bot.said


def test_demo(srtpbot: NewBot, tmp_path: Path) -> None:
    bot = srtpbot("demo", "--json", "-")
    assert bot.end() == OK, bot.said
    assert bot.json()["verdict"] == "pass"
    assert (tmp_path / "out" / "demo" / "report.html").exists()
    assert "report.html" in bot.stderr
