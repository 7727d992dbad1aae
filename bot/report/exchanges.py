"""Offers and answers side by side (RFC 3264), what was agreed on marked in them; keys are redacted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from bot.record import TracedMessage
from bot.sdp import OfferAnswer, Sdp, parse_sdp

__all__ = ["Exchange", "exchanges", "side_by_side"]


@dataclass
class Exchange:
    """An offer with the message that carried it, and its answer when there was one."""

    offer: TracedMessage
    answer: TracedMessage | None = None


def exchanges(messages: Sequence[TracedMessage]) -> list[Exchange]:
    """The offers of a call in order; one that is only repeated or refined (a 183 before its 200) is one."""
    reader = OfferAnswer()
    offer: Sdp | None = None
    answer: Sdp | None = None
    found: dict[int, Exchange] = {}
    kept: list[Sdp] = []  # so that no two of them get the same id
    for traced in messages:
        reader.feed(traced.sent, traced.message)
        if reader.last_offer is not None and reader.last_offer is not offer:
            offer = reader.last_offer
            kept.append(offer)
            found[id(offer)] = Exchange(traced)
        current = reader.current
        if current is not None and current.answer is not answer:
            answer = current.answer
            if id(current.offer) in found and traced.message.sdp is not None:
                found[id(current.offer)].answer = traced
    return list(found.values())


def side_by_side(exchange: Exchange, zero: float) -> Iterator[str]:
    """Two columns; one below the other where there is no room."""
    answer = exchange.answer.message.sdp if exchange.answer is not None else None
    chosen = {
        f"{one.tag} {one.suite}"
        for line in (parse_sdp(answer).media if answer else ())
        for one in line.crypto
    }
    yield "<div class=exchange>"
    yield from column("offer", exchange.offer, zero, chosen)
    if exchange.answer is not None:
        yield from column("answer", exchange.answer, zero, chosen)
    else:
        yield "<div><h4>answer</h4><p class=none>There was none.</p></div>"
    yield "</div>"


def column(name: str, traced: TracedMessage, zero: float, chosen: set[str]) -> Iterator[str]:
    """One description."""
    way = "sent" if traced.sent else "received"
    where = f"{way} in {traced.message.summary.partition(' sip')[0]}, {traced.at - zero:.3f} s"
    lines = (marked(one, chosen) for one in (traced.message.sdp or "").splitlines() if one.strip())
    yield f"<div><h4>{name} <small>{escape(where)}</small></h4>"
    yield "<pre class=sdp>" + "\n".join(lines) + "</pre></div>"


def marked(line: str, chosen: set[str]) -> str:
    """A line of SDP: media lines stand out, crypto lines too, most of all what was agreed on."""
    shown = escape(line.strip())
    if line.startswith("m="):
        return f"<b>{shown}</b>"
    if line.lower().startswith("a=crypto:"):
        words = line.split(":", 1)[1].split()
        agreed = " ".join(words[:2]) in chosen
        return f"<mark{' class=agreed' if agreed else ''}>{shown}</mark>"
    return shown
