"""bot.bots: the names of ``srtpbot answer --as``, and the options of the bots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.bots import NAMES, bot, options_of
from bot.bots.parrot import Parrot
from bot.bots.reject import Rejecter
from bot.errors import ConfigError
from bot.ua.controller import Controller

NEEDED: dict[str, dict[str, Any]] = {
    "ivr": {"menu": Path(__file__).parents[4] / "configs" / "bots" / "ivr.yaml", "messages": "messages"},
    "machine": {"messages": "messages"},
    "player": {"play": "tone:440:1"},
    "redirect": {"contact": "sip:x@example.org"},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_controller(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = bot(name, **NEEDED.get(name, {}))
    assert isinstance(made, Controller)
    assert list(tmp_path.iterdir()) == []  # before it starts it leaves nothing behind


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_bot_needs(name: str) -> None:
    needed = {option for option, (_, default) in options_of(name).items() if default is ...}
    assert needed == set(list(NEEDED[name])[:1])
    with pytest.raises(ConfigError, match=next(iter(needed))):
        bot(name)


def test_options_of_what_a_bot_is_built_on() -> None:
    assert {"delay", "answer_after", "early_media", "record"} == set(options_of("parrot"))
    assert {option for name in NAMES for option in options_of(name)} == set(options_of("auto"))


def test_a_code_in_the_name() -> None:
    assert isinstance(bot("reject-486"), Rejecter)
    assert isinstance(bot("parrot", delay="2"), Parrot)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("parot", {}, ["'parot'", "did you mean 'parrot'"]),
        ("reject-200", {}, ["'reject-200'"]),
        ("parrot", {"delai": 2}, ["delai", "delay"]),
        ("parrot", {"delay": "soon"}, ["delay", "a number", "'soon'"]),
        ("parrot", {"delay": -1}, ["delay", "0 to 60"]),
        ("parrot", {"delay": 1e9}, ["delay", "0 to 60"]),
        ("player", {"play": "nothing.wav"}, ["nothing.wav", "no such file"]),
        ("player", {"play": "tune:440"}, ["tune:440", "unknown signal"]),
        ("reject", {"code": 200}, ["code", "300 to 699"]),
        ("reject", {"retry_after": -1}, ["retry_after"]),
        ("redirect", {"contact": "bob"}, ["contact", "bob"]),
        ("redirect", {"contact": []}, ["contact"]),
        ("redirect", {"contact": "sip:x@y", "code": 404}, ["code", "300 to 399"]),
        ("ringer", {"answer_after": 1, "give_up_after": 1}, ["give_up_after"]),
        ("tone", {"hz": 5000}, ["hz"]),
        ("tone", {"level": 3}, ["level"]),
        ("machine", {"messages": "m", "limit": 0}, ["limit"]),
        ("machine", {"messages": "m", "silence": 0}, ["silence"]),
        ("machine", {"messages": "m", "max_messages": 0}, ["max_messages"]),
        ("machine", {"messages": "m", "max_bytes": 0}, ["max_bytes"]),
    ],
)
def test_wrong_words(name: str, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        bot(name, **options)
    for word in words:
        assert word in str(caught.value), str(caught.value)
