"""Timeline of a call: states, media, played and recorded files, digits; a template draws it.

Positions are shares of the width, 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.model import CallState, MediaState
from bot.sip import ended_text
from bot.ua import Activity, CallRecord, Digit

__all__ = ["Timeline", "beginning", "last_moment", "timeline"]

TICKS = 6
SHORT, THIN = 0.12, 0.002
"""Smallest width of a bar with text, and of any bar, as a fraction of the total width."""
DIGITS_APART = 0.012
"""Smallest distance of digits as a fraction of the width; every second digit of closer digits is lower."""


@dataclass(frozen=True)
class Bar:
    """Bar: an interval of time."""

    start: float
    width: float
    kind: str
    """CSS classes."""
    title: str
    words: str
    inside: bool
    """Whether the bar has space for its text."""


@dataclass(frozen=True)
class DigitMark:
    """Digit at its start time."""

    start: float
    digit: str
    title: str
    lower: bool


@dataclass(frozen=True)
class Timeline:
    """Data of the template."""

    length_s: float
    lanes: list[tuple[str, Sequence[Bar | DigitMark]]]
    axis: list[tuple[float, str, str]]
    """Position, words and SVG's text-anchor of each tick."""
    states: list[str]
    """States as text."""


class Scale:
    """Conversion of monotonic seconds to fractions of the width."""

    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.length = max(end - start, 1e-3)

    def __call__(self, at: float) -> float:
        """0 at the start, 1 at the end."""
        return min(max((at - self.start) / self.length, 0.0), 1.0)

    def seconds(self, at: float) -> str:
        """A time as text."""
        return f"{at - self.start:.3f} s"


def timeline(facts: CallRecord) -> Timeline:
    """The timeline of a call, without empty lanes."""
    scale = Scale(beginning(facts), last_moment(facts))
    lanes = [lane for lane in all_lanes(facts, scale) if lane[1]]
    return Timeline(scale.length, lanes, list(axis(scale)), list(states_in_words(facts, scale)))


def beginning(facts: CallRecord) -> float:
    """Time of the first event; the INVITE arrives before the call exists."""
    return min([facts.started_at, *(traced.at for traced in facts.messages[:1])])


def last_moment(facts: CallRecord) -> float:
    """Time of the last event."""
    moments = [facts.started_at]
    moments += [seen.at for seen in facts.states] + [traced.at for traced in facts.messages]
    moments += [at for at, _ in facts.media_history]
    moments += [digit.at + (digit.duration_ms or 0) / 1000 for digit in (*facts.sent, *facts.received)]
    moments += [one.ended_at or one.at for one in facts.activities]
    return facts.ended.at if facts.ended is not None else max(moments)


def all_lanes(facts: CallRecord, scale: Scale) -> Iterator[tuple[str, Sequence[Bar | DigitMark]]]:
    """All lanes by name, including empty lanes."""
    yield "state", list(state_bars(facts, scale))
    for index in dict.fromkeys(line.index for _, lines in facts.media_history for line in lines):
        lines = [
            (at, next((one for one in found if one.index == index), None))
            for at, found in facts.media_history
        ]
        kind = next(one.type for _, one in lines if one is not None)
        yield f"media: {kind}", list(media_bars(lines, facts, scale))
    for kind, name in (("play", "played"), ("record", "recorded")):
        yield name, [activity(one, facts, scale) for one in facts.activities if one.kind == kind]
    yield "digits sent", list(digit_marks(facts.sent, scale))
    yield "digits received", list(digit_marks(facts.received, scale))


def bar(start: float, end: float, kind: str, words: str, scale: Scale) -> Bar:
    """A bar with text, as far as the text fits."""
    x, width = scale(start), scale(end) - scale(start)
    title = f"{words or kind}: {scale.seconds(start)} to {scale.seconds(end)}"
    return Bar(x, max(width, THIN), kind, title, words, inside=bool(words) and width >= SHORT)


def activity(one: Activity, facts: CallRecord, scale: Scale) -> Bar:
    """The bar of a file; a bar without a known end is pale."""
    if one.ended_at is not None:
        return bar(one.at, one.ended_at, one.kind, one.source.rpartition("/")[2], scale)
    return bar(one.at, call_end(facts, scale), f"{one.kind} endless", "until an end that was not seen", scale)


def call_end(facts: CallRecord, scale: Scale) -> float:
    """The end of bars without a known end."""
    return facts.ended.at if facts.ended is not None else scale.start + scale.length


def state_bars(facts: CallRecord, scale: Scale) -> Iterator[Bar]:
    """A bar from each state to the next state."""
    following = [*(seen.at for seen in facts.states[1:]), scale.start + scale.length]
    for seen, end in zip(facts.states, following, strict=False):
        if seen.state is not CallState.DISCONNECTED:
            yield bar(seen.at, end, f"s-{seen.state.lower()}", seen.state, scale)


def media_bars(
    lines: Sequence[tuple[float, MediaState | None]], facts: CallRecord, scale: Scale
) -> Iterator[Bar]:
    """A bar from each change of the media to the next change."""
    changes = [lines[0], *(after for before, after in pairwise(lines) if after[1] != before[1])]
    ends = [at for at, _ in changes[1:]] + [call_end(facts, scale)]
    for (at, one), until in zip(changes, ends, strict=True):
        if one is None:
            continue
        if not one.active:
            yield bar(at, until, "m-inactive", "inactive", scale)
            continue
        held = f", on hold ({one.on_hold})" if one.on_hold else ""
        words = f"{one.codec or 'no codec'} {one.direction}{held}, {one.suite or 'plain RTP'}"
        yield bar(at, until, "m-secure" if one.suite else "m-plain", words, scale)


def digit_marks(digits: Sequence[Digit], scale: Scale) -> Iterator[DigitMark]:
    """A mark for each digit at its start."""
    lower, last = False, -1.0
    for digit in digits:
        x = scale(digit.at)
        lower, last = (not lower if x - last < DIGITS_APART else False), x
        length = f", {digit.duration_ms} ms" if digit.duration_ms is not None else ""
        yield DigitMark(
            x, digit.digit, f"{digit.digit} by {digit.method} at {scale.seconds(digit.at)}{length}", lower
        )


def axis(scale: Scale) -> Iterator[tuple[float, str, str]]:
    """About six ticks at round numbers of seconds since the start of the call."""
    step = round_step(scale.length / TICKS)
    for number in range(int(scale.length / step + 1e-9) + 1):
        x = number * step / scale.length
        yield x, f"{number * step:g} s", "start" if x < 0.05 else "end" if x > 0.95 else "middle"


def round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below ``least``."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def states_in_words(facts: CallRecord, scale: Scale) -> Iterator[str]:
    """Each state with its time and reason."""
    for seen in facts.states:
        why = f" ({ended_text(seen.code, seen.reason, None)})" if seen.code or seen.reason else ""
        yield f"{scale.seconds(seen.at)} {seen.state}{why}"
