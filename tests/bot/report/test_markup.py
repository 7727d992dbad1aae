"""bot.report.markup: escaped, and positions in per cent."""

from __future__ import annotations

import pytest

from bot.report.markup import element, line, percent, rectangle, text


@pytest.mark.parametrize(
    ("share", "written"), [(0, "0%"), (1, "100%"), (0.5, "50%"), (1 / 3, "33.33%"), (-1, "0%"), (2, "100%")]
)
def test_per_cent(share: float, written: str) -> None:
    assert percent(share) == written


def test_an_element() -> None:
    assert element("a", "x", class_="b", text_anchor="<'\">", y=None) == (
        '<a class="b" text-anchor="&lt;&#x27;&quot;&gt;">x</a>'
    )


def test_a_line() -> None:
    assert line(0.25, 0.75, 1, 2.5, "k") == '<line x1="25%" x2="75%" y1="1" y2="2.5" class="k"></line>'


def test_words() -> None:
    assert text(0.5, 3, "<a>", "k", anchor="middle", dx=2) == (
        '<text x="50%" y="3" dx="2" text-anchor="middle" class="k">&lt;a&gt;</text>'
    )


def test_a_bar_and_its_title() -> None:
    assert rectangle(0.25, 0.5, 18, "k", title="<t>") == (
        '<rect x="25%" width="25%" height="18" rx="3" class="k"><title>&lt;t&gt;</title></rect>'
    )
    assert "<title>" not in rectangle(0, 1, 18, "k")
