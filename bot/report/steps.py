"""Steps of a scenario, each with the SIP messages and the changes of media that followed it.

A step caused what happened from its start to the start of the next step. Of steps that ran at the same time
it is the one that names the endpoint, otherwise the one that began last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from bot.report.ladder import SHOWN, label
from bot.ua import Call, CallRecord

__all__ = ["Happening", "StepResult", "StepStory", "stories"]

MOST = 200
"""Largest number of happenings of a step on the page."""
AT_ONCE_S = 5.0
"""Largest time between sending and arrival of one message, in seconds."""
WORDS = {"play": ("plays", "has played"), "record": ("records", "has recorded")}


class StepResult(msgspec.Struct, kw_only=True):
    """Step of a scenario."""

    step: str
    """Place of the step in the file, for instance ``steps[3].play``."""
    line: int
    """Line of the step in the file."""
    text: str
    """The step in short, without secrets."""
    on: list[str]
    """Endpoints that the step names."""
    verdict: Literal["pass", "fail", "skip"]
    """``skip`` when the step was not reached."""
    at_s: float | None = None
    """Seconds from ``started`` to the start of the step; null when it was not reached."""
    duration_s: float | None = None
    """Duration of the step in seconds; null when it was not reached."""
    problem: str = ""
    """The failure of the step."""


@dataclass(frozen=True)
class Happening:
    """A message, a state of the media, a digit, or the start or end of a sound; ``at_s`` as in StepResult."""

    at_s: float
    endpoint: str
    words: str
    kind: str
    """``sip`` or ``media``."""
    link: str
    """HTML id of the message in its ladder, or of the call; empty for a call without details."""


@dataclass
class StepStory:
    """A step and what it caused."""

    step: StepResult
    happenings: list[Happening] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of messages and of changes of media."""
        messages = sum(one.kind == "sip" for one in self.happenings)
        return messages, len(self.happenings) - messages

    @property
    def shown(self) -> list[Happening]:
        """The first happenings."""
        return self.happenings[:MOST]


def stories(
    steps: Sequence[StepResult],
    calls: Sequence[tuple[str, Call]],
    started_at: float,
    names: Mapping[str, str],
) -> list[StepStory]:
    """The steps with their happenings; ``calls`` with their HTML ids, empty for a call without details.

    ``started_at`` is the start of the run, monotonic, and ``names`` has the endpoints by address.
    """
    told = [StepStory(step) for step in steps]
    reached = [one for one in told if one.step.at_s is not None]
    for happening in sorted(happenings(calls, started_at, names), key=lambda one: one.at_s):
        story = cause(reached, happening)
        if story is not None:
            story.happenings.append(happening)
    return told


def cause(reached: Sequence[StepStory], happening: Happening) -> StepStory | None:
    """The step that caused something; None for something before the first step."""
    before = [one for one in reached if (one.step.at_s or 0.0) <= happening.at_s]
    if not before:
        return None
    last = max(before, key=lambda one: one.step.at_s or 0.0)
    running = [one for one in before if ends(one.step) >= happening.at_s]
    naming = [one for one in running if happening.endpoint in one.step.on]
    if last in naming or not naming:
        return last
    return naming[-1]


def ends(step: StepResult) -> float:
    """The end of a step, as ``at_s``."""
    return (step.at_s or 0.0) + (step.duration_s or 0.0)


def happenings(
    calls: Sequence[tuple[str, Call]], started_at: float, names: Mapping[str, str]
) -> Iterator[Happening]:
    """What happened in the calls; a message between two endpoints of the run is one."""
    sent: dict[tuple[object, ...], float] = {}
    for _, call in calls:
        for traced in call.facts.messages:
            if traced.sent:
                sent.setdefault(identity(call, traced.text), traced.at)
    for anchor, call in calls:
        facts, name = call.facts, call.endpoint.name
        for number, traced in enumerate(facts.messages):
            departure = None if traced.sent else sent.get(identity(call, traced.text))
            if departure is not None and traced.at - departure < AT_ONCE_S:
                continue
            peer = names.get(traced.peer, traced.peer)
            way = (
                f"{name} \N{RIGHTWARDS ARROW} {peer}"
                if traced.sent
                else f"{peer} \N{RIGHTWARDS ARROW} {name}"
            )
            link = f"{anchor}-m{number}" if anchor and len(facts.messages) <= SHOWN else anchor
            yield Happening(traced.at - started_at, name, f"{way}: {label(traced.message)}", "sip", link)
        for at, words in media_of(facts):
            yield Happening(at - started_at, name, f"{name}: {words}", "media", anchor)


def identity(call: Call, text: str) -> tuple[object, ...]:
    """The key of a message at both of its ends; what a proxy adds makes it another one."""
    return call.facts.sip_call_id, "".join(text.split())


def media_of(facts: CallRecord) -> Iterator[tuple[float, str]]:
    """Times and words about the media of a call."""
    before = ""
    for at, lines in facts.media_history:
        words = ", ".join(
            f"{line.codec} {line.direction}, {line.suite or 'plain RTP'}" if line.active else "no media"
            for line in lines
        )
        if words and words != before:
            yield at, words
        before = words
    for one in facts.activities:
        begins, ended = WORDS[one.kind]
        yield one.at, begins
        if one.ended_at is not None:
            yield one.ended_at, ended
    for way, digits in (("sent", facts.sent), ("received", facts.received)):
        for digit in digits:
            yield digit.at, f"digit {digit.digit} {way}"
