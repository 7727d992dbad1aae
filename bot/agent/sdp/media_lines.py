"""Endpoint settings that change the m= lines of its descriptions: ptime, payload types (RFC 8866).

The library reads both from its own descriptions, but has no settings for them.
"""

from __future__ import annotations

import re

import pjsua2 as pj

from bot.config import LIBRARYS_EVENTS

__all__ = ["MediaLines", "count_lines"]

SECTION = re.compile(r"^(?=m=)", re.MULTILINE)
TAKEN = re.compile(r"m=audio (?!0 )")
FORMATS = re.compile(r"(?<=^m=)(\S+ \S+ \S+)((?: \d+)+)")
OF_FORMAT = re.compile(r"^(a=(?:rtpmap|fmtp):)(\d+)(?= )", re.MULTILINE)
EVENTS = re.compile(r"^a=rtpmap:(\d+) telephone-event/", re.MULTILINE | re.IGNORECASE)
PTIME = re.compile(r"^a=ptime:.*\r\n", re.MULTILINE)


class MediaLines:
    """The changes for every call of an endpoint."""

    def __init__(self, ptime_ms: int | None = None, event_type: int = LIBRARYS_EVENTS) -> None:
        self._ptime_ms = ptime_ms
        self._event_type = event_type

    def written(self, description: str, *, answer: bool) -> str:
        """A description of the library with the changes; an answer keeps the payload types of the offer."""
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
    """An m= line with two payload types exchanged."""
    meaning = {one: other, other: one}

    def format_list(found: re.Match[str]) -> str:
        return found[1] + "".join(f" {meaning.get(number, number)}" for number in found[2].split())

    section = FORMATS.sub(format_list, section, count=1)
    return OF_FORMAT.sub(lambda found: found[1] + meaning.get(found[2], found[2]), section)


def count_lines(settings: pj.CallSetting, audio: int) -> None:
    """Number of m= lines per media type of a call.

    PJSIP 2.17 offers text (RFC 4103) unless it is disabled.
    """
    settings.audioCount, settings.videoCount, settings.textCount = audio, 0, 0
