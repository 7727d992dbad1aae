"""bot.harmless: text of a peer cannot control a terminal, hide, or look like our lines."""

from __future__ import annotations

import json
import unicodedata

import msgspec
import pytest

from bot.errors import CallFailed, EndpointCrashed, WaitTimeout
from bot.harmless import escaped, harmless, harmless_json, harmless_lines, indented, readable
from bot.model import CallState

HARMFUL = [
    "\x1b[2J",
    "\x07", "\x00", "\x08", "\r", "\x7f", "\x9b31m", "\x9d0;title\x9c", "\u202e", "\u2066", "\u061c",
    "\u200b", "\u2028", "\u2029", "\ufeff", "\udc9b", "\ud800", "\U000e0041", "\u00ad",
]  # fmt: skip


@pytest.mark.parametrize("text", HARMFUL)
def test_nothing_harmful_is_left(text: str) -> None:
    for shown in (harmless(f"a{text}b"), harmless_lines(f"a{text}b"), escaped(f"a{text}b", colours=True)):
        assert shown.isprintable(), shown
        assert (shown[:2], shown[-1]) == ("a\\", "b")
        shown.encode()


def test_every_control_and_format_character_is_escaped() -> None:
    kept = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        and harmless(chr(code)) == chr(code)
    ]
    assert kept == ["\u200c", "\u200d"]


def test_text_of_every_language_stays() -> None:
    text = "J\u00fcrgen \u4f60\u597d \u0645\u0631\u062d \U0001f4de a\u00a0b \u3000 caf\u00e9 \\x1b"
    assert harmless(text) == harmless_lines(text) == escaped(text) == text


def test_a_line_cannot_be_forged() -> None:
    assert "\n" not in harmless("Busy\nverdict: pass\r\nverdict: pass")
    assert harmless_lines("one\r\ntwo\n\tthree") == "one\ntwo\n\tthree"
    assert all(not line.startswith("verdict") for line in indented("one\nverdict: pass").split("\n"))


def test_a_flood_is_cut() -> None:
    assert harmless("x" * 100_000) == "x" * 2000 + "... (100000 characters)"
    assert len(harmless_lines("x" * 100_000 + "\ny")) < 2100


def test_colours_of_ours_stay_on_a_terminal_and_nothing_else_does() -> None:
    assert escaped("\x1b[1;31mFAIL\x1b[0m \x1b[2J\x1b]0;x\x07", colours=True) == (
        "\x1b[1;31mFAIL\x1b[0m \\x1b[2J\\x1b]0;x\\x07"
    )


def test_json_is_exact_and_has_no_harmful_character() -> None:
    text = "".join(one for one in HARMFUL if not 0xD800 <= ord(one[0]) < 0xE000) + "\u00e9\U0001f4de\u200d"
    made = harmless_json(msgspec.json.encode({"reason": text}))
    assert json.loads(made) == {"reason": text} == msgspec.json.decode(made)
    assert harmless_lines(made.decode()) == made.decode()


class Inner(msgspec.Struct, frozen=True):
    text: str
    number: int


class Outer(msgspec.Struct):
    state: CallState
    inner: Inner
    many: list[str]
    named: dict[str, str]
    nothing: None = None


def test_a_structure_is_copied() -> None:
    exact = Outer(CallState.EARLY, Inner("\x1b", 5), ["\x9b"], {"\u202e": "a\nb"})
    shown = readable(exact)
    assert shown == Outer(CallState.EARLY, Inner("\\x1b", 5), ["\\x9b"], {"\\u202e": "a\nb"})
    assert shown.state is CallState.EARLY
    assert exact.inner.text == "\x1b"
    assert readable(exact, lines=False).named == {"\\u202e": "a\\x0ab"}


def test_exceptions_are_harmless() -> None:
    for kind in (CallFailed, WaitTimeout):
        assert str(kind("486 \x1b[2J\nsecond line")) == "486 \\x1b[2J\nsecond line"
    assert str(EndpointCrashed("it \x9bcrashed", ("log \x1b[2J",))) == "it \\x9bcrashed\n  | log \\x1b[2J"
