"""A PIN that is dialled to the answering machine is in nothing that the command writes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot import Call, DtmfMethod, expect
from tests.support.commands import NewBot
from tests.support.process import OK
from tests.support.starting import NewEndpoint

PIN = "7305"
SHOWN = re.compile(r"Signal ?= ?[0-8*#]")


def received(out: Path) -> str:
    """The digits in the journal that was written."""
    entries = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()[1:]]
    events = [entry["event"] for entry in entries]
    return "".join(event["digit"] for event in events if event["type"] == "DtmfReceived")


def everything(out: Path) -> str:
    """What all files of text or messages say."""
    files = [path for path in out.rglob("*") if path.is_file() and path.suffix != ".wav"]
    return "\n".join(file.read_bytes().decode("latin-1") for file in files)


def dial(call: Call, digits: str, method: DtmfMethod) -> None:
    call.send_dtmf(digits, method=method, on_ms=120, off_ms=120).wait()


@pytest.mark.parametrize("method", list(DtmfMethod))
def test_the_owner_of_a_machine_dials_a_pin(
    method: DtmfMethod, answer: NewBot, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    bot = answer(
        *("--as", "machine", "--messages", tmp_path / "out" / "messages", "--detect-inband"),
        *("--greeting", "silence:20", "--pin", PIN, "--calls", 1, "--out", out, "-vv", "--trace"),
        *("--codec", "PCMA"),
    )
    caller = new_endpoint().make_call(bot.uri())
    expect(caller).to_have_active_media()
    dial(caller, f"*{PIN}#", method)
    dial(caller, ",,,,9", method)
    expect(caller).to_be_disconnected(by="remote", timeout=20)
    assert bot.end(timeout=20) == OK, bot.said
    shown = received(out)
    assert re.fullmatch("x{6}9", shown), shown
    text = bot.said + everything(out)
    assert PIN not in re.sub(r"sip:[^\s>]*|:\d+", "", text)
    assert not SHOWN.search(text)
    result = json.loads((out / "result.json").read_text())
    digits = [one["digit"] for one in result["calls"][0]["dtmf"]["received"]]
    assert "".join(digits) == shown
    assert f"received digit x by {method}" in text
    assert not re.search(r"DTMF digit [0-9]", text)
