"""The base class of all expectations of a call, and the call history in failure messages."""

from __future__ import annotations

from collections.abc import Callable

from bot.deadline import Deadline
from bot.expectations.verdict import Hopeless, Subject
from bot.sip import Sdp, ended_text, parse_sdp
from bot.ua import Call, CallRecord, TracedMessage

__all__ = ["Expectation", "history"]


class Expectation:
    """The base of the expectation classes for a call; each verdict is written to the journal."""

    def __init__(self, call: Call, *, soft: bool = False) -> None:
        self._call = call
        self._facts = call.facts
        self._endpoint = call.endpoint
        self._subject = Subject(
            call.endpoint,
            call.label,
            str(call),
            call=call.number,
            soft=soft,
            history=lambda: history(call.facts),
        )

    def _decide(self, name: str, passed: bool, expected: str, observed: str, *, why: str = "") -> None:
        """Record the verdict; raises a failure, or collects it if the expectation is soft."""
        self._subject.decide(name, passed, expected, observed, why=why)

    def _await(
        self,
        name: str,
        expected: str,
        observe: Callable[[], str],
        holds: Callable[[], bool],
        *,
        timeout: float,
        hopeless: Hopeless = lambda: None,
    ) -> None:
        """Wait until ``holds``; ``hopeless`` returns the reason why it can no longer hold."""
        self._subject.wait(name, expected, observe, holds, timeout=timeout, hopeless=hopeless)

    def _absent(
        self, name: str, expected: str, there: Callable[[], bool], observe: Callable[[], str], during: float
    ) -> None:
        """Fail as soon as ``there`` is true; pass when it stays false for ``during`` seconds from now."""
        present = self._endpoint.wait_until(there, Deadline(during))
        self._decide(name, not present, expected, observe())

    def _ended(self) -> str | None:
        return f"the call ended: {self._facts.ended_text}" if self._facts.ended else None

    def _state(self) -> str:
        return f"{self._facts.state} {self._facts.ended_text}".rstrip()


LAST_STATES, LAST_MESSAGES = 6, 12


def history(facts: CallRecord) -> list[str]:
    """The last events of a call, one line each, times in seconds since the call began."""
    lines = ["last states:"]
    for seen in facts.states[-LAST_STATES:]:
        response = ended_text(seen.code, seen.reason, None) if seen.code or seen.reason else ""
        lines.append(f"  {seen.at - facts.started_at:8.3f}  {seen.state} {response}".rstrip())
    if not facts.states:
        lines.append("  none")
    lines.append("SIP messages:")
    for traced in facts.messages[-LAST_MESSAGES:]:
        lines.append(f"  {traced.at - facts.started_at:8.3f}  {one_line(traced)}")
    if not facts.messages:
        lines.append("  none")
    return lines


def one_line(traced: TracedMessage) -> str:
    """A message on one line: an arrow, its start line and a summary of its SDP."""
    arrow = "-->" if traced.sent else "<--"
    body = traced.message.sdp
    return f"{arrow} {traced.message.summary}{sdp_line(parse_sdp(body)) if body else ''}"


def sdp_line(sdp: Sdp) -> str:
    """A summary of the m= lines: ``[audio RTP/SAVP PCMA, AES_CM_128_HMAC_SHA1_80]``."""
    parts = []
    for line in sdp.media:
        codecs = [line.rtpmaps.get(one, one).split("/")[0] for one in line.formats]
        shown = " ".join(name for name in dict.fromkeys(codecs) if name != "telephone-event")
        parts.append(f"{line.type} {line.profile} {shown}, {line.keys}, {line.direction}")
    return f"  [{'; '.join(parts)}]" if parts else ""
