"""Actions of the endpoint in one call of a cell: playback, renegotiation, hang-up."""

from __future__ import annotations

from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, WaitTimeout
from bot.interop.case import Step
from bot.interop.cells import Cell
from bot.interop.observation import Talk
from bot.interop.probe import Probe
from bot.model import CallState, MediaDirection
from bot.sip import is_failure
from bot.ua import ANY, Call, SentRequest, flows_plausibly, heard_of

__all__ = ["SLACK_S", "Conversation"]

SLACK_S = 1.0
MEDIA_CHANGED_S = 0.3
GOODBYE_S = 2.0


class Conversation:
    """Conversation from the INVITE to the end of a call; ``talk`` supplements the record of the call."""

    def __init__(self, call: Call, cell: Cell, probe: Probe, timeout: float) -> None:
        self.talk = Talk()
        self._call = call
        self._steps = cell.case.steps if cell.case is not None else ()
        self._probe = probe
        self._timeout = timeout

    def run(self) -> None:
        """Perform the actions before the hang-up."""
        call = self._call
        try:
            call.wait(CallState.CONFIRMED, CallState.DISCONNECTED, timeout=self._timeout + SLACK_S)
            if call.facts.ended is None:
                self._probe.play()
                self._renegotiate()
        except CallEnded:
            pass  # how it ended is in its record
        except (CallFailed, WaitTimeout) as error:
            self.talk.trouble = in_short(error)

    def end(self) -> None:
        """Hang up, and wait for the end of the call."""
        call = self._call
        try:
            if call.facts.ended is None:
                call.measure()
                self.talk.implausible = implausible(call)
                call.hangup()
                self.talk.hung_up = True
            call.wait(CallState.DISCONNECTED, timeout=GOODBYE_S)
        except (CallFailed, WaitTimeout) as error:
            self.talk.notes.append(f"no orderly end: {in_short(error)}")
        self.talk.heard = self._probe.heard()
        self.talk.unmeasured = self._probe.problem

    def _renegotiate(self) -> None:
        call = self._call
        for step in self._steps:
            before = len(call.facts.media_history)
            code = sent(call, step).wait(self._timeout, code=ANY)
            self.talk.notes.append(f"{step}: {code}")
            if is_failure(code):
                self.talk.refused_step = step, code
                return
            wait_for_change(call, before)
        if self._steps:
            self._probe.play()


def implausible(call: Call) -> str | None:
    """The packet counts, if they are not plausible; otherwise empty."""
    facts = call.facts
    line = facts.audio()
    stats = facts.stats(line.index) if line is not None else None
    if (
        line is None
        or stats is None
        or flows_plausibly(facts, line, stats, suppressing=call.endpoint.config.vad)
    ):
        return None
    return heard_of(facts, line, stats)


def in_short(error: Exception) -> str:
    """The message in one line, without the name of the call."""
    return str(error).partition("\n")[0].rpartition(": ")[2]


def sent(call: Call, step: Step) -> SentRequest:
    """Send the request of a step."""
    match step:
        case Step.HOLD:
            return call.reinvite(direction=MediaDirection.SENDONLY)
        case Step.RESUME:
            return call.reinvite(direction=MediaDirection.SENDRECV)
        case Step.RESUME_WITH_NEW_KEYS:
            return call.reinvite(direction=MediaDirection.SENDRECV, rekey=True)
        case Step.REINVITE_WITHOUT_OFFER:
            return call.reinvite(offer=False)
        case Step.UPDATE:
            return call.update()


def wait_for_change(call: Call, before: int) -> None:
    """Wait until the library has applied the negotiated media."""
    facts = call.facts
    call.endpoint.wait_until(
        lambda: len(facts.media_history) > before or facts.ended is not None, Deadline(MEDIA_CHANGED_S)
    )
