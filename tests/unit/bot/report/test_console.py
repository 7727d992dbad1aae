"""bot.report.console: strings are text as they are, columns are two spaces apart, colours on request."""

from __future__ import annotations

import pytest

from bot.report.console import rendered, styled, table, verdict_of


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


def test_colours_only_where_they_are_wanted() -> None:
    part = verdict_of("error", "broken")
    assert rendered(part) == "broken"
    assert rendered(part, colour=True) == "\x1b[1;31mbroken\x1b[0m"
