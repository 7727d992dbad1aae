"""HTML by jinja2 templates with autoescape: text from a peer never becomes markup.

A package keeps its templates and style sheets in its folder ``templates``; those of ``bot.report`` serve all.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from bot.harmless import escaped

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["MARKS", "counted", "policy", "render", "script", "templates"]

MARKS = {
    "pass": "\N{CHECK MARK}", "fail": "\N{BALLOT X}", "error": "\N{BALLOT X}", "deviates": "\N{NOT EQUAL TO}",
    "skip": "\N{EN DASH}", "flaky": "\N{ALMOST EQUAL TO}",
}  # fmt: skip
"""A sign for each verdict, so that colour is not the only sign."""


def render(template: str, *, package: str = "bot.report", **context: object) -> bytes:
    """A document from a template of ``package`` or of this one; text from the network in it is harmless."""
    text = templates(package).get_template(template).render(context)
    return escaped(text.replace("\r\n", "\n")).encode()


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural except after 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share of the width, 0 to 1, in per cent: a drawing fits every screen, its letters keep their size."""
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}".rstrip("0").rstrip(".") + "%"


@cache
def script() -> Markup:
    """The script of the pages."""
    from markupsafe import Markup

    return Markup(templates().get_template("report.js").render())  # noqa: S704  a file of this package


def policy(beside: bool = False) -> str:
    """The content security policy: the page's own script by its hash, and nothing from outside.

    ``beside`` allows audio files of the folder of the page.
    """
    digest = b64encode(sha256(script().encode()).digest()).decode()
    media = "data: 'self'" if beside else "data:"
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        f"media-src {media}; base-uri 'none'; form-action 'none'"
    )


@cache
def templates(package: str = "bot.report") -> Environment:
    """The templates of a package, then those of this one."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, __package__))]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals |= {"MARKS": MARKS, "policy": policy, "script": script}
    environment.filters |= {"percent": percent, "counted": counted}
    return environment
