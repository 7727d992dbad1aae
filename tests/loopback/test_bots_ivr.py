"""The IVR with real calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import ConfigError, expect
from bot.bots import bot
from bot.ipc.events import PlaybackFinished, RecordingFinished, RecordingStarted
from tests.support.starting import NewEndpoint, until

MENU = """\
start: main
menus:
  main:
    prompt: tone:440:0.2
    timeout: 0.5
    tries: 2
    keys:
      "1": {play: "tone:660:0.2"}
      "2": {goto: other}
      "9": {play: "tone:880:0.1", hangup: true}
  other:
    prompt: "tone:330:0.2"
    timeout: 30
    keys:
      "*": {record: 5, goto: other}
      "#": {hangup: true}
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def menu(tmp_path: Path) -> Path:
    path = tmp_path / "menu.yaml"
    path.write_text(MENU)
    return path


def test_keys_lead_through_the_menus(menu: Path, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    ivr = new_endpoint(name="ivr", controller=bot("ivr", menu=menu, messages=tmp_path / "said"))
    call = new_endpoint().make_call(ivr.uri)
    expect(call).to_have_active_media()
    call.send_dtmf("2,*")
    until(ivr, lambda: any(isinstance(entry.event, RecordingStarted) for entry in ivr.journal.recent()))
    call.send_dtmf(",#").wait()
    until(ivr, lambda: any(isinstance(entry.event, RecordingFinished) for entry in ivr.journal.recent()))
    call.send_dtmf(",#")
    expect(call).to_be_disconnected(code=200, by="remote")
    ivr.close()
    assert ivr.failure is None
    [facts] = (tmp_path / "said").glob("*.json")
    message = json.loads(facts.read_text())
    assert (message["ended_by"], message["digits"]) == ("#", "#")
    assert facts.with_suffix(".wav").is_file()


def test_who_presses_nothing_is_hung_up_on(menu: Path, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    ivr = new_endpoint(name="ivr", controller=bot("ivr", menu=menu, messages=tmp_path / "said"))
    call = new_endpoint().make_call(ivr.uri)
    expect(call).to_be_disconnected(code=200, by="remote", timeout=8)
    until(ivr, lambda: not ivr.calls)
    assert sum(isinstance(entry.event, PlaybackFinished) for entry in ivr.journal.recent()) == 2


def test_wrong_keys_count_as_none(menu: Path, new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    ivr = new_endpoint(name="ivr", controller=bot("ivr", menu=menu, messages=tmp_path / "said"))
    call = new_endpoint().make_call(ivr.uri)
    expect(call).to_have_active_media()
    call.send_dtmf("7,,,7")
    expect(call).to_be_disconnected(code=200, by="remote", timeout=10)


def test_the_shipped_menu(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    options = {"menu": ROOT / "configs" / "bots" / "ivr.yaml", "messages": tmp_path / "said"}
    ivr = new_endpoint(name="ivr", controller=bot("ivr", **options))
    call = new_endpoint().make_call(ivr.uri)
    expect(call).to_have_active_media()
    call.send_dtmf("9")
    expect(call).to_be_disconnected(code=200, by="remote")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"2": {goto: other}', '"2": {goto: othr}', [":9: menus.main.keys.2.goto", "did you mean 'other'"]),
        ('"2": {goto: other}', '"2": {got: other}', [":9: ", "got", "goto"]),
        ('"2": {goto: other}', '"2": {}', [":9: menus.main.keys.2", "has no action"]),
        ('"2": {goto: other}', '"22": {goto: other}', [":7: menus.main.keys", "'22' is not a valid key"]),
        ("prompt: tone:440:0.2", "prompt: nothing.wav", [":4: menus.main.prompt", "no such file"]),
        ("prompt: tone:440:0.2", "prompt: tune:440", [":4: menus.main.prompt", "tune"]),
        ("start: main", "start: mian", [":1: start", "did you mean 'main'"]),
        ("record: 5, goto: other", "record: 5000", [":14: menus.other.keys", "*.record", "5000"]),
        ("record: 5, goto: other", "goto: nowhere", [":14: menus.other.keys", "*.goto", "nowhere"]),
        ("timeout: 30", "timeout: 0", [":13: menus.other.timeout", "0.5 to 300"]),
    ],
)
def test_errors_name_file_line_and_key(old: str, new: str, words: list[str], menu: Path) -> None:
    assert MENU.count(old) == 1
    menu.write_text(MENU.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        bot("ivr", menu=menu, messages=menu.parent)
    for word in [str(menu), *words]:
        assert word in str(caught.value), str(caught.value)


def test_recording_needs_a_folder(menu: Path) -> None:
    with pytest.raises(ConfigError, match="messages: "):
        bot("ivr", menu=menu)
