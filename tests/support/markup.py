"""The markup of one macro of the reports' templates."""

from __future__ import annotations

from bot.report.html import templates


def macro(template: str, name: str, *arguments: object) -> str:
    """What the macro writes for these arguments."""
    written: str = getattr(templates().get_template(template).module, name)(*arguments)
    return str(written)
