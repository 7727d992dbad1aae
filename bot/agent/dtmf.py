"""Sending of DTMF digits in sequence, by telephone-events, INFO or audible tones.

A telephone-event (RFC 4733) and an INFO are the library's; audible tones (ITU-T Q.23) come from its tone
generator. A comma is a pause.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pjsua2 as pj

from bot.agent.call import Leg
from bot.agent.loop import Loop
from bot.ipc import DtmfFinished, DtmfSent, SendDtmf
from bot.model import HIDDEN, DtmfMethod

__all__ = ["DtmfSender"]

PAUSE, PAUSE_S = ",", 0.5
NO_EVENTS = "the SDP has no telephone-event, so none can be sent (RFC 4733); method info or inband can be"
NATIVE_METHOD = {
    DtmfMethod.RFC4733: pj.PJSUA_DTMF_METHOD_RFC2833,
    DtmfMethod.INFO: pj.PJSUA_DTMF_METHOD_SIP_INFO,
}


class DtmfSender:
    """Works off one SendDtmf on the loop's timers."""

    def __init__(self, loop: Loop, leg: Leg, command: SendDtmf, tone: Callable[[], pj.ToneGenerator]) -> None:
        self._loop = loop
        self._leg = leg
        self._command = command
        self._tone = tone
        self._rest = list(command.digits)

    def start(self) -> None:
        """Send the first digit now; the rest follow by themselves."""
        self._next()

    def _next(self) -> None:
        if not self._rest:
            self._finish(None)
            return
        digit = self._rest.pop(0)
        if digit == PAUSE:
            self._loop.after(PAUSE_S, self._next)
            return
        problem = self._problem() or self._send(digit)
        if problem:
            self._finish(f"digit {self._shown(digit)!r}: {problem}")
            return
        self._loop.emit(
            DtmfSent(
                at=time.monotonic(),
                call=self._leg.number,
                transmission=self._command.transmission,
                digit=self._shown(digit),
                method=self._command.method,
            )
        )
        self._loop.after((self._command.on_ms + self._command.off_ms) / 1000, self._next)

    def _shown(self, digit: str) -> str:
        return HIDDEN if self._command.secret else digit

    def _problem(self) -> str | None:
        if self._leg.native is None:
            return "the call has ended"
        if self._command.method is not DtmfMethod.INFO and not self._leg.audio_active:
            return "the call has no active audio"
        if self._command.method is DtmfMethod.RFC4733 and not self._leg.takes_telephone_events:
            return NO_EVENTS
        return None

    def _send(self, digit: str) -> str | None:
        if self._command.method is DtmfMethod.INBAND:
            tone = pj.ToneDigit()
            tone.digit, tone.on_msec, tone.off_msec = digit, self._command.on_ms, self._command.off_ms
            self._tone().playDigits(pj.ToneDigitVector([tone]))
            return None
        prm = pj.CallSendDtmfParam()
        prm.method = NATIVE_METHOD[self._command.method]
        prm.digits, prm.duration = digit, self._command.on_ms
        try:
            self._leg.live.sendDtmf(prm)
        except pj.Error as error:
            return str(error.reason)
        return None

    def _finish(self, problem: str | None) -> None:
        self._loop.emit(
            DtmfFinished(
                at=time.monotonic(),
                call=self._leg.number,
                transmission=self._command.transmission,
                problem=problem,
            )
        )
