"""Secret digits in real calls: those that are sent, and those that a bot asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot import Call, Controller, Digit, DtmfMethod, Endpoint, Journal, expect
from bot.bots import bot
from bot.ipc.events import PlaybackStarted
from tests.support.starting import NewEndpoint, connect, until

DIGIT = re.compile(r'"digit":"[0-9]"|Signal=[0-9]')
METHODS = pytest.mark.parametrize("method", list(DtmfMethod))
MENU = """
menus:
  main:
    prompt: silence:20
    keys: {"1": {goto: first}, "2": {goto: main}}
  first:
    prompt: silence:20
    secret: true
    keys: {"7": {goto: second}}
  second:
    prompt: silence:20
    secret: true
    keys: {"3": {goto: open}}
  open:
    prompt: silence:20
    keys: {"9": {hangup: true}}
"""


class Listener(Controller):
    """Answers, and keeps the digits that ``on_dtmf`` gets."""

    def __init__(self, *, secret: bool) -> None:
        self.heard = ""
        self._secret = secret

    def on_incoming_call(self, call: Call) -> None:
        call.secret_digits = self._secret
        call.answer()

    def on_dtmf(self, call: Call, digit: Digit) -> None:
        self.heard += digit.digit


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.jsonl")) as journal:
        yield journal


@METHODS
def test_digits_that_are_sent_as_a_secret(
    method: DtmfMethod, journal: Journal, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    caller, callee = connect(new_endpoint(journal=journal), new_endpoint())
    caller.send_dtmf("73", method=method, secret=True).wait()
    if method is not DtmfMethod.INBAND:
        expect(callee).to_have_received_dtmf("73", method=method)
    assert [one.digit for one in caller.facts.sent] == ["x", "x"]
    assert not DIGIT.search((tmp_path / "journal.jsonl").read_text())


@METHODS
def test_digits_that_are_received_as_a_secret(
    method: DtmfMethod, journal: Journal, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    listener = Listener(secret=True)
    callee = new_endpoint(journal=journal, controller=listener, detect_inband_dtmf=True)
    call = new_endpoint().make_call(callee.uri)
    expect(call).to_have_active_media()
    call.send_dtmf("73", method=method).wait()
    until(callee, lambda: set("73") <= set(listener.heard))
    assert callee.calls[0].digits == "x" * len(listener.heard)
    assert not DIGIT.search((tmp_path / "journal.jsonl").read_text())


def wait_for_prompt(ivr: Endpoint, number: int) -> None:
    def prompts() -> int:
        return sum(isinstance(entry.event, PlaybackStarted) for entry in ivr.journal.recent())

    until(ivr, lambda: prompts() >= number)


@pytest.mark.parametrize("method", [DtmfMethod.RFC4733, DtmfMethod.INFO])
def test_keys_of_a_menu_that_asks_for_a_secret(
    method: DtmfMethod, new_endpoint: NewEndpoint, tmp_path: Path
) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text(MENU)
    ivr = new_endpoint(controller=bot("ivr", menu=menu))
    with ivr.expect_call() as incoming:
        call = new_endpoint().make_call(ivr.uri)
    expect(call).to_have_active_media()
    for number, digits in enumerate("21739", 1):
        wait_for_prompt(ivr, number)
        call.send_dtmf(digits, method=method).wait()
    expect(incoming.value).to_be_disconnected(by="local", timeout=20)
    assert incoming.value.digits == "21xx9"


def test_keys_that_are_dialled_ahead_of_a_secret_menu(new_endpoint: NewEndpoint, tmp_path: Path) -> None:
    menu = tmp_path / "menu.yaml"
    menu.write_text(MENU)
    ivr = new_endpoint(controller=bot("ivr", menu=menu))
    call = new_endpoint().make_call(ivr.uri)
    expect(call).to_have_active_media()
    for digit in "1739":
        call.send_dtmf(digit, method=DtmfMethod.INFO)
    with ivr.expect_call() as incoming:
        pass
    expect(incoming.value).to_be_disconnected(timeout=20)
    assert incoming.value.digits[:3] in {"1xx", "xxx"}
