"""The SIP ladder of one call: a lifeline for each participant, an arrow for each message, which opens.

Each rung is an SVG in the summary of a ``details`` element, so that a message opens where it was sent,
with the mouse, a finger or the keyboard, and without a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from bot.record import TracedMessage
from bot.report.markup import element, line, percent, text
from bot.sdp import Sdp, parse_sdp
from bot.sip import Message

__all__ = ["ladder", "own_addresses"]

PAUSE_S = 1.0
"""A silence that is worth a line."""
RUNG, NOTED = 30, 46
"""Heights in pixels, without a note below the arrow and with one."""
SHAFT = 22
SHOWN = 400
"""Messages of one call; a call with more (hours of session refreshes) has its first and its last ones."""
OURS = ""
"""Stands for the endpoint itself among the participants."""


def own_addresses(named: Iterable[tuple[str, Sequence[TracedMessage]]]) -> dict[str, str]:
    """Whose address is whose, from the messages of each endpoint by its name."""
    return {one.local: name for name, messages in named for one in messages if one.local}


def ladder(
    messages: Sequence[TracedMessage], *, name: str, zero: float, names: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The markup; times in seconds since ``zero``, ``name`` the endpoint's, ``names`` those of addresses."""
    if not messages:
        yield "<p class=none>No SIP message was seen.</p>"
        return
    sides = participants(messages)
    yield "<div class=ladder>"
    yield heads(sides, messages, name, names or {})
    sent_before: dict[tuple[object, ...], int] = {}
    last: float | None = None
    for number, traced in enumerate(messages):
        key = identity(traced)
        again = sent_before[key] = sent_before.get(key, -1) + 1
        if SHOWN // 2 <= number < len(messages) - SHOWN // 2:
            if number == SHOWN // 2:
                yield pause(f"{len(messages) - SHOWN} further messages", len(sides))
            continue
        if last is not None and traced.at - last >= PAUSE_S:
            yield pause(f"{traced.at - last:.1f} s", len(sides))
        last = traced.at
        yield from rung(traced, sides, name, zero, again)
    yield "</div>"


def participants(messages: Sequence[TracedMessage]) -> list[str]:
    """The endpoint and its peers in the order of their first message; the caller stands left."""
    peers = list(dict.fromkeys(one.peer for one in messages))
    return [OURS, *peers] if messages[0].sent else [peers[0], OURS, *peers[1:]]


def heads(sides: list[str], messages: Sequence[TracedMessage], name: str, names: Mapping[str, str]) -> str:
    """Who is who, above the lifelines."""
    own = list(dict.fromkeys(one.local for one in messages if one.local))
    cells = []
    for side in sides:
        who = name if side == OURS else names.get(side, "peer")
        where = ", ".join(own[:2]) if side == OURS else side
        us = " class=us" if side == OURS else ""
        cells.append(f"<span{us}><b>{escape(who)}</b> {escape(where)}</span>")
    return f'<div class=heads style="--sides:{len(sides)}">{"".join(cells)}</div>'


def rung(traced: TracedMessage, sides: list[str], name: str, zero: float, again: int) -> Iterator[str]:
    """One message."""
    message = traced.message
    body = message.sdp
    note = brief(parse_sdp(body)) if body else ""
    height = NOTED if note else RUNG
    us, peer = (position(sides, side) for side in (OURS, traced.peer))
    start, end = (us, peer) if traced.sent else (peer, us)
    words = label(message) + (f" (retransmission {again})" if again else "")
    kind = colour(message) + (" again" if again else "")
    way = f"{name} to {traced.peer}" if traced.sent else f"{traced.peer} to {name}"
    drawing = (
        element("title", escape(f"{words}, {way} by {traced.transport}"))
        + lifelines(len(sides), height, "life")
        + arrow(start, end, kind)
        + text((start + end) / 2, SHAFT - 6, words, "words", anchor="middle")
        + (text((start + end) / 2, SHAFT + 15, note, "note", anchor="middle") if note else "")
    )
    svg = element("svg", drawing, role="img", height=height, class_="rung")
    shown = escape(traced.text.strip() or rewritten(message))
    yield f"<details><summary><time>{traced.at - zero:.3f}</time>{svg}</summary><pre>{shown}</pre></details>"


def brief(sdp: Sdp) -> str:
    """What a description says of each stream: profile, codecs, and the crypto suite or how many."""
    told = []
    for one in sdp.media:
        names = [one.rtpmaps.get(form, form).split("/")[0] for form in one.formats]
        codecs = [name for name in dict.fromkeys(names) if name != "telephone-event"]
        some = ", ".join(codecs[:3]) + (", ..." if len(codecs) > 3 else "")
        suites = list(dict.fromkeys(crypto.suite for crypto in one.crypto))
        crypto = f"{len(suites)} crypto suites" if len(suites) > 1 else "".join(suites) or "no crypto"
        told.append(f"{one.type} {one.profile} {some}; {crypto}; {one.direction}")
    return " | ".join(told)


def arrow(start: float, end: float, kind: str) -> str:
    """From one lifeline to the other."""
    tip = "M0 0l-9-4.5v9z" if end > start else "M0 0l9-4.5v9z"
    head = element("svg", f'<path d="{tip}" class="{kind}"/>', x=percent(end), y=SHAFT, overflow="visible")
    return line(start, end, SHAFT, SHAFT, kind) + head


def pause(words: str, sides: int) -> str:
    """Time that passed, or messages that are left out."""
    drawing = lifelines(sides, 18, "life broken") + text(0.5, 13, words, "note", anchor="middle")
    svg = element("svg", drawing, height=18, class_="rung")
    return f"<div class=pause><span></span>{svg}</div>"


def lifelines(sides: int, height: int, kind: str) -> str:
    """A piece of each of them."""
    places = ((number + 0.5) / sides for number in range(sides))
    return "".join(line(x, x, 0, height, kind) for x in places)


def position(sides: list[str], side: str) -> float:
    """Where a lifeline is."""
    return (sides.index(side) + 0.5) / len(sides)


def identity(traced: TracedMessage) -> tuple[object, ...]:
    """What two messages share when one is the other once more (RFC 3261 section 17)."""
    message = traced.message
    start = (message.method, message.uri, message.status)
    return traced.sent, traced.peer, *start, message.cseq, message.header("Via"), message.to_tag, message.body


def label(message: Message) -> str:
    """What stands on the arrow."""
    return message.method if message.is_request else message.summary


def colour(message: Message) -> str:
    """The class of a request, or of a response by its first digit."""
    return "request" if message.is_request else f"response r{message.status // 100}"


def rewritten(message: Message) -> str:
    """The text of a message of which only its parts are left."""
    fields = [f"{name}: {value}" for name, value in message.fields]
    return "\n".join([message.summary, *fields, "", message.body.replace("\r", "")])
