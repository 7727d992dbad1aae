"""What an endpoint's settings write into the m= lines of its descriptions: ptime, payload types (RFC 8866).

The library takes both from its own descriptions, but has no setting to put them there.
"""

from __future__ import annotations

import re

from bot.media_settings import LIBRARYS_EVENTS

__all__ = ["MediaLines"]

SECTION = re.compile(r"^(?=m=)", re.MULTILINE)
TAKEN = re.compile(r"m=audio (?!0 )")
FORMATS = re.compile(r"(?<=^m=)(\S+ \S+ \S+)((?: \d+)+)")
OF_FORMAT = re.compile(r"^(a=(?:rtpmap|fmtp):)(\d+)(?= )", re.MULTILINE)
EVENTS = re.compile(r"^a=rtpmap:(\d+) telephone-event/", re.MULTILINE | re.IGNORECASE)
PTIME = re.compile(r"^a=ptime:.*\r\n", re.MULTILINE)


class MediaLines:
    """For every call of an endpoint."""

    def __init__(self, ptime_ms: int | None = None, event_type: int = LIBRARYS_EVENTS) -> None:
        self._ptime_ms = ptime_ms
        self._event_type = event_type

    def written(self, description: str, *, answer: bool) -> str:
        """A description of the library's with them; an answer keeps the numbers of the offer."""
        session, *sections = SECTION.split(description)
        return session + "".join(
            self._section(section, answer=answer) if TAKEN.match(section) else section for section in sections
        )

    def _section(self, section: str, *, answer: bool) -> str:
        if self._ptime_ms is not None:
            section = f"{PTIME.sub('', section)}a=ptime:{self._ptime_ms}\r\n"
        events = EVENTS.search(section)
        if answer or events is None or not self._event_type:
            return section
        return exchanged(section, events[1], str(self._event_type))


def exchanged(section: str, one: str, other: str) -> str:
    """An m= line in which two payload types have each other's meaning."""
    meaning = {one: other, other: one}

    def format_list(found: re.Match[str]) -> str:
        return found[1] + "".join(f" {meaning.get(number, number)}" for number in found[2].split())

    section = FORMATS.sub(format_list, section, count=1)
    return OF_FORMAT.sub(lambda found: found[1] + meaning.get(found[2], found[2]), section)
