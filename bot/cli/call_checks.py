"""Expectations of ``call`` and ``answer``: those of every call, and those of the --expect options."""

from __future__ import annotations

from typing import Any

from bot.audio_files import audio_of
from bot.cli.defined_options import DefinedChecks
from bot.cli.session import Session
from bot.deadline import TIMEOUT_S
from bot.expectations import CallExpectation, RecordingExpectation, expect
from bot.model import CallState, SrtpMode
from bot.ua import Call

__all__ = ["Checks"]

LATE_S = 0.5
"""Largest delay of the expected audio, in seconds."""


class Checks:
    """Expectations of the ``--expect-...`` options, which it removes from ``options``; raises ConfigError."""

    def __init__(
        self, run: Session, options: dict[str, Any], *, srtp: SrtpMode, default_end: str | None
    ) -> None:
        self._run = run
        self._srtp = srtp
        self._of_call = DefinedChecks(CallExpectation, options)
        self._of_recording = DefinedChecks(RecordingExpectation, options)
        self.audio: str | None = self._of_recording.value("matches")
        self.heard_s = audio_of(self.audio).duration_s + LATE_S if self.audio is not None else 0.0
        """Time from the answer to the end of the expected audio, in seconds."""
        end, flow = options.pop("expect_end"), options.pop("expect_media")
        self.end: str | None = end or default_end
        self.flow: str = flow or "sendrecv"
        self.asked = any([self._of_call, self._of_recording, end, flow])

    def before_the_end(self, call: Call) -> None:
        """Check the expectations of an answered call before its end."""
        check, timeout = self._run.check, self._patience(call)
        self._media_flowed(call)
        if not self._of_call.value("suite") and (self.flow != "any" or call.facts.audio() is not None):
            if self._srtp is SrtpMode.MANDATORY or call.facts.crypto().keyed:
                check(lambda: expect(call).to_be_encrypted(timeout=timeout))
            elif self._srtp is SrtpMode.OFF:
                check(lambda: expect(call).not_to_be_encrypted(timeout=timeout))
            elif call.facts.crypto().disagreement:
                check(lambda: expect(call).to_agree_on_encryption(timeout=timeout))
        self.asked_for(call)

    def _media_flowed(self, call: Call) -> None:
        """Check sent and received audio against ``--expect-media``."""
        check, timeout = self._run.check, self._patience(call)
        check(lambda: expect(call).to_have_media(self.flow, timeout=timeout))
        if self.flow == "sendonly":
            check(expect(call).not_to_have_received_audio)

    def all_digits(self, call: Call) -> bool:
        """Whether the expected number of digits has arrived."""
        return len(call.facts.received) >= len(self._of_call.value("dtmf") or "")

    def asked_for(self, call: Call) -> None:
        """Check the expectations of the options, for answered and refused calls."""
        for assertion in self._of_call.of(call, self._patience(call)):
            self._run.check(assertion)

    @staticmethod
    def _patience(call: Call) -> float:
        return 0.0 if call.facts.ended else 1.0

    def ended_as_expected(self, call: Call) -> None:
        """Check that an answered call ended with BYE, by the side of ``--expect-end``."""
        if self.end is not None and call.facts.reached(CallState.CONFIRMED) is not None:
            by = None if self.end == "any" else self.end
            self._run.check(lambda: expect(call).to_be_disconnected(code=200, by=by))

    def after_the_end(self, call: Call) -> None:
        """Check the recording after the end of the call."""
        for recording in call.recordings:
            recording.wait()
        if self.audio is None:
            return
        if not call.recordings:
            what = f"{call.label} recording matches"
            self._run.decide(what, False, f"the audio of {self.audio}", "no packets were recorded")
            return
        for assertion in self._of_recording.of(call.recordings[0], TIMEOUT_S):
            self._run.check(assertion)
