"""The page of signals."""

from __future__ import annotations

from media.signals.signals import SIGNALS
from tools.pages.markdown import NOTE, code, inline, table

__all__ = ["page"]

HEAD = """# Signals

A signal stands wherever audio is taken: `call.play(...)`, `to_match(...)`, `audio:` in scenarios, `--play`,
`--expect-audio`, `srtpbot audio make`. It is a list of items, played one after the other:
`silence:0.3,speech:2,marker:17`. `@LEVEL` after an item sets its level in dBFS: `tone:440:2@-20`. SECONDS
may be `2`, `0.5`, `200ms` or `1min`.
"""


def page() -> str:
    """The page."""
    rows = ((code(syntax), inline(about)) for syntax, about in SIGNALS.values())
    return NOTE + HEAD + "\n" + table(("item", "what it is"), rows)
