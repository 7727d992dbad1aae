"""What this endpoint does in one call of a cell: it plays, renegotiates, hangs up, notes what went wrong."""

from __future__ import annotations

from bot.call import Call
from bot.deadline import Deadline
from bot.errors import CallEnded, CallFailed, WaitTimeout
from bot.interop.case import Step
from bot.interop.cells import Cell
from bot.interop.observation import Talk
from bot.interop.probe import Probe
from bot.model import CallState, MediaDirection
from bot.transaction import Sent

__all__ = ["SLACK_S", "Conversation"]

SLACK_S = 1.0
MEDIA_CHANGED_S = 0.3
GOODBYE_S = 2.0
REFUSAL = 300


class Conversation:
    """From the INVITE to the end of a call; ``talk`` has what its record does not."""

    def __init__(self, call: Call, cell: Cell, probe: Probe, timeout: float) -> None:
        self.talk = Talk()
        self._call = call
        self._steps = cell.case.steps if cell.case is not None else ()
        self._probe = probe
        self._timeout = timeout

    def run(self) -> None:
        """Everything before the hanging up."""
        call = self._call
        try:
            call.wait(CallState.CONFIRMED, CallState.DISCONNECTED, timeout=self._timeout + SLACK_S)
            if call.known.ended is None:
                self._probe.play()
                self._renegotiate()
        except CallEnded:
            pass  # how it ended is in its record
        except (CallFailed, WaitTimeout) as error:
            self.talk.trouble = in_short(error)

    def end(self) -> None:
        """Hang up, and wait for the end, whoever caused it."""
        call = self._call
        try:
            if call.known.ended is None:
                call.measure()
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
            before = len(call.known.media_history)
            code = sent(call, step).wait(self._timeout)
            self.talk.notes.append(f"{step}: {code}")
            if code >= REFUSAL:
                self.talk.refused_step = step, code
                return
            wait_for_change(call, before)
        if self._steps:
            self._probe.play()


def in_short(error: Exception) -> str:
    """Without the call's name, in one line."""
    return str(error).partition("\n")[0].rpartition(": ")[2]


def sent(call: Call, step: Step) -> Sent:
    """The request of a step."""
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
    """Until the library has put what was agreed on into effect."""
    known = call.known
    call.host.wait_until(
        lambda: len(known.media_history) > before or known.ended is not None, Deadline(MEDIA_CHANGED_S)
    )
