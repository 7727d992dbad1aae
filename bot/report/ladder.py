"""SIP ladder diagram of one call: a lifeline for each participant, an arrow for each message.

``templates/sip.html`` draws each rung as an SVG in the summary of a ``details`` element, so that a message
opens where it was sent, with the mouse, a finger or the keyboard, and without a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.sip import Message, Sdp, parse_sdp
from bot.ua import TracedMessage

__all__ = ["SHOWN", "Ladder", "label", "ladder", "own_addresses"]

PAUSE_S = 1.0
"""Shortest pause with a line of its own, in seconds."""
SHOWN = 400
"""Largest number of messages; of a longer call the ladder has the first and the last messages."""
OURS = ""
"""Key of the endpoint itself among the participants."""


@dataclass(frozen=True)
class Head:
    """A participant."""

    name: str
    address: str
    own: bool
    """Whether the participant is the endpoint itself."""


@dataclass(frozen=True)
class Rung:
    """A message; ``start`` and ``end`` of its arrow are shares of the width."""

    number: int
    """Index among the messages of the call."""
    at_s: float
    words: str
    """Text on the arrow."""
    note: str
    """Text below the arrow; empty without a session description."""
    kind: str
    """CSS classes of the arrow."""
    way: str
    """Source, destination and transport."""
    start: float
    end: float
    text: str
    pause: str = ""
    """Text about a pause or omitted messages before this message; otherwise empty."""


@dataclass(frozen=True)
class Ladder:
    """Data of the template; ``heads`` is empty without messages."""

    heads: Sequence[Head] = ()
    rungs: Sequence[Rung] = ()


def own_addresses(named: Iterable[tuple[str, Sequence[TracedMessage]]]) -> dict[str, str]:
    """The endpoint of each local address; the argument has the messages of each endpoint by its name."""
    return {message.local: name for name, messages in named for message in messages if message.local}


def ladder(
    messages: Sequence[TracedMessage], *, name: str, zero: float, names: Mapping[str, str] | None = None
) -> Ladder:
    """The ladder; times in seconds since ``zero``, ``name`` the endpoint's, ``names`` those of addresses."""
    if not messages:
        return Ladder()
    sides = participants(messages)
    return Ladder(list(heads(sides, messages, name, names or {})), list(rungs(messages, sides, name, zero)))


def rungs(messages: Sequence[TracedMessage], sides: list[str], name: str, zero: float) -> Iterator[Rung]:
    """The first and the last messages, up to the largest number."""
    sent_before: dict[tuple[object, ...], int] = {}
    last: float | None = None
    left_out = range(SHOWN // 2, len(messages) - SHOWN // 2)
    for number, traced in enumerate(messages):
        key = identity(traced)
        again = sent_before[key] = sent_before.get(key, -1) + 1
        if number in left_out:
            continue
        pause = f"{traced.at - last:.1f} s" if last is not None and traced.at - last >= PAUSE_S else ""
        if left_out and number == left_out.stop:
            pause = f"{len(left_out)} further messages"
        last = traced.at
        yield replace(rung(traced, sides, name, zero, again), number=number, pause=pause)


def participants(messages: Sequence[TracedMessage]) -> list[str]:
    """The endpoint and its peers in the order of their first message; the caller is on the left."""
    peers = list(dict.fromkeys(message.peer for message in messages))
    return [OURS, *peers] if messages[0].sent else [peers[0], OURS, *peers[1:]]


def heads(
    sides: list[str], messages: Sequence[TracedMessage], name: str, names: Mapping[str, str]
) -> Iterator[Head]:
    """The names and addresses above the lifelines."""
    own = list(dict.fromkeys(message.local for message in messages if message.local))
    for side in sides:
        if side == OURS:
            yield Head(name, ", ".join(own[:2]), own=True)
        else:
            yield Head(names.get(side, "peer"), side, own=False)


def rung(traced: TracedMessage, sides: list[str], name: str, zero: float, again: int) -> Rung:
    """One message; ``again`` counts its retransmissions."""
    message = traced.message
    us, peer = (position(sides, side) for side in (OURS, traced.peer))
    way = f"{name} to {traced.peer}" if traced.sent else f"{traced.peer} to {name}"
    return Rung(
        number=0,
        at_s=traced.at - zero,
        words=label(message) + (f" (retransmission {again})" if again else ""),
        note=brief(parse_sdp(message.sdp)) if message.sdp else "",
        kind=colour(message) + (" again" if again else ""),
        way=f"{way} by {traced.transport}",
        start=us if traced.sent else peer,
        end=peer if traced.sent else us,
        text=traced.text.strip() or rewritten(message),
    )


def brief(sdp: Sdp) -> str:
    """Profile, codecs and crypto suites of each stream in a session description."""
    parts = []
    for line in sdp.media:
        names = [line.rtpmaps.get(form, form).split("/")[0] for form in line.formats]
        codecs = [name for name in dict.fromkeys(names) if name != "telephone-event"]
        some = ", ".join(codecs[:3]) + (", ..." if len(codecs) > 3 else "")
        suites = {crypto.suite for crypto in line.crypto}
        crypto = f"{len(suites)} crypto suites" if len(suites) > 1 else line.keys
        parts.append(f"{line.type} {line.profile} {some}; {crypto}; {line.direction}")
    return " | ".join(parts)


def position(sides: list[str], side: str) -> float:
    """The position of a lifeline."""
    return (sides.index(side) + 0.5) / len(sides)


def identity(traced: TracedMessage) -> tuple[object, ...]:
    """The key that a message and its retransmissions share (RFC 3261 section 17)."""
    message = traced.message
    start = (message.method, message.uri, message.status)
    return traced.sent, traced.peer, *start, message.cseq, message.header("Via"), message.to_tag, message.body


def label(message: Message) -> str:
    """The text on the arrow."""
    return message.method if message.is_request else message.summary


def colour(message: Message) -> str:
    """The CSS class of a request, or of a response by its first digit."""
    return "request" if message.is_request else f"response r{message.status // 100}"


def rewritten(message: Message) -> str:
    """The text of a message, composed of its parts."""
    fields = [f"{name}: {value}" for name, value in message.fields]
    return "\n".join([message.summary, *fields, "", message.body.replace("\r", "")])
