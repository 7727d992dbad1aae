"""Markdown from docstrings and tables."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterable, Sequence

__all__ = ["NOTE", "cell", "code", "paragraphs", "table", "unformatted"]

NOTE = "<!-- Made from the code by `make reference`. -->\n"
ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
CODE = re.compile(r"(`[^`]*`)")


def paragraphs(docstring: str | None) -> str:
    """A docstring as Markdown."""
    blocks = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(inline(" ".join(block.split())) for block in blocks)


def inline(text: str) -> str:
    """Text of a docstring in one line: code in single backticks, nothing that Markdown takes for HTML."""
    text = ROLE.sub(r"`\1`", text).replace("``", "`")
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else re.sub(r"([<*_\[])", r"\\\1", part) for part in parts)


def unformatted(text: str) -> str:
    """Plain text of a help, of which nothing is Markdown."""
    return re.sub(r"([<*_`\[])", r"\\\1", text)


def cell(text: str) -> str:
    """Markdown in a cell of a table.

    GitHub and Python-Markdown disagree about a backslash before a bar in code; both read HTML.
    """
    parts = CODE.split(" ".join(text.split()))
    return "".join(in_html(part) if part.startswith("`") else part.replace("|", "\\|") for part in parts)


def in_html(span: str) -> str:
    """A code span of a table's cell, as HTML if it has a bar."""
    if "|" not in span:
        return span
    return f"<code>{html.escape(span.strip('`'), quote=False).replace('|', '&#124;')}</code>"


def code(text: str) -> str:
    """Code in a line."""
    return f"`{text}`" if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return "\n".join(lines) + "\n"
