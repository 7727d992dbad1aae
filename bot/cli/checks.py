"""What is asserted of a call by ``call`` and ``answer``: what always has to hold, and what was asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from bot.call import Call, checked_digits
from bot.cli.options import existing_audio, headers, naming
from bot.cli.run import Run
from bot.errors import ConfigError
from bot.expectations import compiled, expect
from bot.model import SrtpMode

__all__ = ["Checks"]

LAST_DIGIT_S = 1.0
SILENT = 0.001
"""-60 dBFS."""


class Checks:
    """Takes the ``--expect-...`` options out of ``options``; raises ConfigError when one cannot be meant."""

    def __init__(self, run: Run, options: dict[str, Any], *, srtp: SrtpMode) -> None:
        self._run = run
        self._srtp = srtp
        self._codec = options.pop("expect_codec")
        self._suite = options.pop("expect_suite")
        self._digits = options.pop("expect_dtmf")
        self._method = options.pop("expect_dtmf_method")
        if self._digits is not None:
            with naming("--expect-dtmf"):
                self._digits = checked_digits(self._digits)
        if self._method and not self._digits:
            raise ConfigError("--expect-dtmf-method needs digits: add --expect-dtmf DIGITS")
        self.audio = audible(existing_audio(options.pop("expect_audio"), "--expect-audio"))
        self._headers = headers(options.pop("expect_headers"), "--expect-header")
        if self._codec is not None and not self._codec.strip():
            raise ConfigError("--expect-codec is empty; expected a name such as PCMA or speex/16000")
        self.asked = any([self._codec, self._suite, self._digits, self.audio, self._headers])
        for name, pattern in self._headers:
            try:
                compiled(pattern)
            except ConfigError as error:
                raise ConfigError(f"--expect-header {name}: {error}") from None

    def before_the_end(self, call: Call) -> None:
        """What has to hold of a call that was answered."""
        check, timeout = self._run.check, self._patience(call)
        check(lambda: expect(call).to_have_received_packets(timeout=timeout))
        check(lambda: expect(call).to_have_sent_packets(timeout=timeout))
        if not self._suite:
            if self._srtp is SrtpMode.MANDATORY or call.known.crypto().keyed:
                check(lambda: expect(call).to_be_encrypted(timeout=timeout))
            elif self._srtp is SrtpMode.OFF:
                check(lambda: expect(call).not_to_be_encrypted(timeout=timeout))
        self.asked_for(call)

    def asked_for(self, call: Call) -> None:
        """What an option expects of a call, whether it was answered or not."""
        check, timeout = self._run.check, self._patience(call)
        if self._suite:
            check(lambda: expect(call).to_be_encrypted(self._suite, timeout=timeout))
        if self._codec:
            check(lambda: expect(call).to_use_codec(self._codec, timeout=timeout))
        for name, pattern in self._headers:
            check(partial(expect(call).to_have_header, name, matching=pattern, timeout=timeout))
        if self._digits:
            digits, method = self._digits, self._method
            check(lambda: expect(call).to_have_received_dtmf(digits, method=method, timeout=LAST_DIGIT_S))

    @staticmethod
    def _patience(call: Call) -> float:
        return 0.0 if call.known.ended else 1.0

    def after_the_end(self, call: Call) -> None:
        """What can be judged when the recording is complete."""
        for recording in call.recordings:
            recording.wait()
        if self.audio is None:
            return
        if not call.recordings:
            what = f"{call.label} recording matches"
            self._run.decide(what, False, f"the audio of {self.audio}", "nothing was recorded")
            return
        audio, recording = self.audio, call.recordings[0]
        self._run.check(lambda: expect(recording).to_match(audio))


def audible(path: Path | None) -> Path | None:
    """The path, if it holds something to compare with; better known before the call than after it."""
    if path is None:
        return None
    from media.wav import AudioError, read

    try:
        samples = read(path).samples
    except AudioError as error:
        raise ConfigError(f"--expect-audio: {error}") from None
    if max(-samples.min(), samples.max()) < SILENT:
        raise ConfigError(f"--expect-audio: {path}: is silent, so everything would match; use one with audio")
    return path
