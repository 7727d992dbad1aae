"""bot.report.console: strings are text as they are, columns are two spaces apart, colours on request."""

from __future__ import annotations

import sys

import pytest

from bot.report import console
from bot.report.console import choose_colours, colours_of, rendered, styled, table, verdict_of


@pytest.mark.parametrize("text", ["[red]a[/]", "[/]", "[bold", ":smile:", "\\[x]", "a  b"])
def test_a_string_is_no_markup(text: str) -> None:
    assert rendered(text) == text
    assert rendered(styled(text)) == text
    assert rendered(table([(text, "x")])) == f"{text}  x"


def test_an_escape_sequence_is_shown() -> None:
    for part in ("\x1b[2J", styled("\x1b[2J"), verdict_of("pass", "\x1b[2J"), table([("\x1b[2J",)])):
        assert rendered(part) == "\\x1b[2J"


def test_columns_are_aligned_and_no_line_ends_in_spaces() -> None:
    drawn = table([("a", "1"), ("longer", ""), (verdict_of("fail"), "3")], ("name", "n"))
    assert rendered(drawn) == "name    n\na       1\nlonger\nFAIL    3"


def test_a_long_cell_is_broken_within_the_width() -> None:
    lines = rendered(table([("name", "word " * 30)]), width=40).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("width", [10, 30, 45, 60])
def test_no_word_is_broken(width: int) -> None:
    row = ("pass", "call 1 is encrypted", "AES_CM_128_HMAC_SHA1_80 (offered AES_CM_128_HMAC_SHA1_32)")
    lines = rendered(table([row], ("", "expectation", "observed")), width=width).splitlines()
    found = {word for line in lines for word in line.split()}
    assert found == {"expectation", "observed", *(word for cell in row for word in cell.split())}
    assert max(map(len, lines)) <= max(width, len("pass  expectation  AES_CM_128_HMAC_SHA1_32)"))


@pytest.mark.parametrize(("when", "coloured"), [("always", True), ("never", False), ("auto", False)])
def test_colours_can_be_chosen(when: str, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.setenv(name, "")
    choose_colours(when)
    assert colours_of() is coloured


def test_colours_only_where_they_are_wanted() -> None:
    part = verdict_of("error", "broken")
    assert rendered(part) == "broken"
    assert rendered(part, colour=True) == "\x1b[1;31mbroken\x1b[0m"


def test_a_table_that_is_wider_than_the_terminal_becomes_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(console, "width_of", lambda: 20)
    rows = [("a-name-of-18-cells", "some words about it", "")]
    assert rendered(table(rows, ["name", "about", "more"])).splitlines() == [
        "a-name-of-18-cells",
        "    about  some",
        "    words about it",
    ]
