"""Pieces of HTML and SVG: escaping, attributes, positions in per cent; it knows nothing of calls.

Positions are per cent of the width, so that a drawing fits every screen and its letters keep their size.
"""

from __future__ import annotations

from html import escape

__all__ = ["element", "line", "percent", "rectangle", "text"]


def percent(share: float) -> str:
    """A share of the width, 0 to 1."""
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}".rstrip("0").rstrip(".") + "%"


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """An element; ``content`` is markup, attributes are escaped, ``class_`` is class, None is left out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{written}>{content}</{tag}>"


def line(x1: float, x2: float, y1: float, y2: float, kind: str) -> str:
    """A line between two shares of the width and two heights in pixels."""
    return element("line", x1=percent(x1), x2=percent(x2), y1=f"{y1:g}", y2=f"{y2:g}", class_=kind)


def rectangle(x1: float, x2: float, height: float, kind: str, *, title: str = "") -> str:
    """A bar; its title is shown when it is pointed at."""
    return element(
        "rect",
        element("title", escape(title)) if title else "",
        x=percent(x1),
        width=percent(x2 - x1),
        height=f"{height:g}",
        rx="3",
        class_=kind,
    )


def text(x: float, y: float, words: str, kind: str, *, anchor: str | None = None, dx: int = 0) -> str:
    """Words at a share of the width, moved by ``dx`` pixels."""
    return element(
        "text",
        escape(words),
        x=percent(x),
        y=f"{y:g}",
        dx=str(dx) if dx else None,
        text_anchor=anchor,
        class_=kind,
    )
