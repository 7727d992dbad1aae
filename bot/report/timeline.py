"""A call over time as one SVG: its states, its media, what was played and recorded, its digits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise

from bot.model import CallState, MediaState
from bot.record import Activity, CallRecord, Digit
from bot.report.markup import element, line, percent, rectangle, text

__all__ = ["beginning", "timeline"]

NAME, BAR, GAP = 14, 18, 8
"""Heights in pixels of a lane's name, of its bar, and of what is below it."""
TICKS = 6
SHORT = 0.12
"""The share of the width below which a bar has no words in it."""
DIGITS_APART = 0.012
"""Digits that are closer than this share of the width would hide one another; every other one is lower."""
Lane = tuple[str, list[str]]


class Scale:
    """From monotonic seconds to shares of the width."""

    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.length = max(end - start, 1e-3)

    def __call__(self, at: float) -> float:
        """0 at the start, 1 at the end."""
        return min(max((at - self.start) / self.length, 0.0), 1.0)

    def seconds(self, at: float) -> str:
        """How it is told."""
        return f"{at - self.start:.3f} s"


def timeline(known: CallRecord) -> Iterator[str]:
    """The markup: the drawing, and the states once more in words."""
    scale = Scale(beginning(known), last_moment(known))
    lanes = [lane for lane in all_lanes(known, scale) if lane[1]]
    drawing, top = [], 0
    for name, marks in lanes:
        drawing.append(text(0, top + NAME - 3, name, "lane"))
        drawing.append(element("svg", "".join(marks), y=top + NAME, height=BAR + GAP, overflow="visible"))
        top += NAME + BAR + GAP
    told = "; ".join(states_in_words(known, scale))
    title = element("title", escape(f"timeline of {scale.length:.1f} s")) + element("desc", escape(told))
    svg = title + "".join(axis(scale, top)) + "".join(drawing)
    yield element("svg", svg, role="img", height=top + 20, class_="timeline")
    yield f"<p class=states>{escape(told) or 'no state was reported'}</p>"


def beginning(known: CallRecord) -> float:
    """When the first thing happened: an INVITE is on its way before there is a call."""
    return min([known.started_at, *(traced.at for traced in known.messages[:1])])


def last_moment(known: CallRecord) -> float:
    """When the last thing happened."""
    moments = [known.started_at]
    moments += [seen.at for seen in known.states] + [traced.at for traced in known.messages]
    moments += [at for at, _ in known.media_history]
    moments += [digit.at + (digit.duration_ms or 0) / 1000 for digit in (*known.sent, *known.received)]
    moments += [one.ended_at or one.at for one in known.activities]
    return known.ended.at if known.ended is not None else max(moments)


def all_lanes(known: CallRecord, scale: Scale) -> Iterator[Lane]:
    """What there may be to see; lanes without a mark are left out."""
    yield "state", list(state_bars(known, scale))
    for index in dict.fromkeys(one.index for _, lines in known.media_history for one in lines):
        lines = [
            (at, next((one for one in found if one.index == index), None))
            for at, found in known.media_history
        ]
        kind = next(one.type for _, one in lines if one is not None)
        yield f"media: {kind}", list(media_bars(lines, known, scale))
    for kind, name in (("play", "played"), ("record", "recorded")):
        yield name, [activity(one, known, scale) for one in known.activities if one.kind == kind]
    yield "digits sent", list(digit_marks(known.sent, scale))
    yield "digits received", list(digit_marks(known.received, scale))


def bar(start: float, end: float, kind: str, words: str, scale: Scale) -> str:
    """A stretch of time with words in it, as far as there is room."""
    told = f"{words or kind}: {scale.seconds(start)} to {scale.seconds(end)}"
    x1, x2 = scale(start), scale(end)
    inside = ""
    if words and x2 - x1 >= SHORT:
        clipped = text(0, 13, words, "inside", dx=6)
        inside = element("svg", clipped, x=percent(x1), width=percent(x2 - x1), height=BAR, class_="clip")
    return rectangle(x1, max(x2, x1 + 0.002), BAR, f"bar {kind}", title=told) + inside


def activity(one: Activity, known: CallRecord, scale: Scale) -> str:
    """A file in the call; a bar without an end of its own is pale."""
    if one.ended_at is not None:
        return bar(one.at, one.ended_at, one.kind, "", scale)
    return bar(one.at, call_end(known, scale), f"{one.kind} endless", "until an end that was not seen", scale)


def call_end(known: CallRecord, scale: Scale) -> float:
    """Where bars end that nothing else ends."""
    return known.ended.at if known.ended is not None else scale.start + scale.length


def state_bars(known: CallRecord, scale: Scale) -> Iterator[str]:
    """From each state to the next one."""
    following = [*(seen.at for seen in known.states[1:]), scale.start + scale.length]
    for seen, end in zip(known.states, following, strict=False):
        if seen.state is not CallState.DISCONNECTED:
            yield bar(seen.at, end, f"s-{seen.state.lower()}", seen.state, scale)


def media_bars(
    lines: Sequence[tuple[float, MediaState | None]], known: CallRecord, scale: Scale
) -> Iterator[str]:
    """From each negotiation that changed something to the next one."""
    changes = [lines[0], *(after for before, after in pairwise(lines) if after[1] != before[1])]
    ends = [at for at, _ in changes[1:]] + [call_end(known, scale)]
    for (at, one), until in zip(changes, ends, strict=True):
        if one is None:
            continue
        if not one.active:
            yield bar(at, until, "m-inactive", "inactive", scale)
            continue
        held = f", on hold ({one.on_hold})" if one.on_hold else ""
        words = f"{one.codec or 'no codec'} {one.direction}{held}, {one.suite or 'plain RTP'}"
        yield bar(at, until, "m-secure" if one.suite else "m-plain", words, scale)


def digit_marks(digits: Sequence[Digit], scale: Scale) -> Iterator[str]:
    """Each digit where it began."""
    lower, last = False, -1.0
    for one in digits:
        x = scale(one.at)
        lower, last = (not lower if x - last < DIGITS_APART else False), x
        length = f", {one.duration_ms} ms" if one.duration_ms is not None else ""
        title = element("title", escape(f"{one.digit} by {one.method} at {scale.seconds(one.at)}{length}"))
        mark = line(x, x, 0, 6, "tick") + text(x, 24 if lower else 17, one.digit, "digit", anchor="middle")
        yield element("g", title + mark)


def axis(scale: Scale, height: int) -> Iterator[str]:
    """Seconds since the call began, about six of them, at round numbers."""
    step = round_step(scale.length / TICKS)
    for number in range(int(scale.length / step + 1e-9) + 1):
        x = number * step / scale.length
        anchor = "start" if x < 0.05 else "end" if x > 0.95 else "middle"
        yield line(x, x, 0, height, "grid")
        yield text(x, height + 14, f"{number * step:g} s", "note", anchor=anchor)


def round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below ``least``."""
    power = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def states_in_words(known: CallRecord, scale: Scale) -> Iterator[str]:
    """Each state, when and why."""
    for seen in known.states:
        why = f" ({seen.code} {seen.reason})".replace(" )", ")") if seen.code or seen.reason else ""
        yield f"{scale.seconds(seen.at)} {seen.state}{why}"
