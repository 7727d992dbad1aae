"""Owns what can be expected of the sound in a recording: markers, digits, signals, level, silence.

It must not know how a verdict is written down: ``deciding`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .call import Recording
from .deadline import TIMEOUT_S
from .deciding import Deciding
from .errors import ConfigError

if TYPE_CHECKING:
    from media.wav import Audio

__all__ = ["SoundExpectation"]

SILENT_DBFS = -50.0
"""What silence stays below, 5 ms at a time: the noise of A-law is at -66, room noise about there."""
SHOWN = 8
"""Findings that a verdict names; of more it tells the number."""


class SoundExpectation(Deciding):
    """What can be expected of a recording without a reference; every ``timeout`` is for its file, in s."""

    _recording: Recording

    def to_contain_marker(self, identity: int, *, timeout: float = TIMEOUT_S) -> None:
        """The marker of this identity is heard, once or more (``media.marker``, ``srtpbot audio make``).

        Raises ConfigError for what is no identity.
        """
        from media.marker import IDENTITIES, find_markers

        if not 0 <= identity < IDENTITIES:
            raise ConfigError(f"a marker's identity is 0 to {IDENTITIES - 1}, not {identity}")

        def judge(audio: Audio) -> tuple[bool, str]:
            found = find_markers(audio)
            heard = [f"{one.identity} at {one.start_s:.3f} s" for one in found]
            return any(one.identity == identity for one in found), listed("marker", heard)

        self._judge("recording contains marker", f"marker {identity}", judge, timeout)

    def to_contain_dtmf(self, digits: str, *, timeout: float = TIMEOUT_S) -> None:
        """Exactly these DTMF digits are heard, in this order.

        Raises ConfigError for what is no digit.
        """
        from media.dtmf import DIGITS
        from media.dtmf_detector import detect

        wanted = digits.upper()
        if not wanted or (wrong := wanted.strip(DIGITS)):
            what = f"{wrong[0]!r} is not one" if wanted else "there is none"
            raise ConfigError(f"DTMF digits {digits!r}: {what}; expected {DIGITS}")

        def judge(audio: Audio) -> tuple[bool, str]:
            found = detect(audio)
            heard = "".join(one.digit for one in found)
            starts = [f"{one.digit} at {one.start_s:.3f} s" for one in found]
            return heard == wanted, f"{heard!r}: {listed('digit', starts)}" if found else "no digits"

        self._judge("recording contains DTMF", repr(wanted), judge, timeout)

    def to_contain_signal(self, name: str, *, timeout: float = TIMEOUT_S) -> None:
        """A signal of this name is heard: ringback, busy, congestion, dial, beep ... (``media.progress``).

        Raises ConfigError for a name that no signal has.
        """
        from media.progress import CADENCES, signals

        names = list(dict.fromkeys(cadence.name for cadence in CADENCES))
        if name not in names:
            raise ConfigError(f"no signal is called {name!r}; expected one of {', '.join(names)}")

        def judge(audio: Audio) -> tuple[bool, str]:
            found = signals(audio)
            heard = [
                f"{one.name}{f' ({one.plan})' if one.plan else ''} at {one.start_s:.2f} s" for one in found
            ]
            return any(one.name == name for one in found), listed("signal", heard)

        self._judge("recording contains signal", name, judge, timeout)

    def to_be_silent(self, *, timeout: float = TIMEOUT_S) -> None:
        """There is audio, and all of it stays below -50 dBFS, 5 ms at a time; an empty file fails."""
        self._judge("recording is silent", f"nothing above {SILENT_DBFS:g} dBFS", is_silent, timeout)

    def not_to_be_silent(self, *, timeout: float = TIMEOUT_S) -> None:
        """Somewhere in the recording is a sound of -50 dBFS or more."""

        def judge(audio: Audio) -> tuple[bool, str]:
            silent, observed = is_silent(audio)
            return not silent, observed

        self._judge("recording is not silent", f"a sound above {SILENT_DBFS:g} dBFS", judge, timeout)

    def to_have_level(
        self, *, at_least: float | None = None, at_most: float | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The active speech level (ITU-T P.56) is within these limits, in dBFS, where 0 is a full-scale sine.

        Raises ConfigError when there is no limit, or nothing is between them.
        """
        if at_least is None and at_most is None:
            raise ConfigError("to_have_level() needs a limit: at_least=, at_most=, or both, in dBFS")
        low = -float("inf") if at_least is None else at_least
        high = float("inf") if at_most is None else at_most
        if not low <= high:
            raise ConfigError(f"no level is at least {low:g} and at most {high:g} dBFS")
        from media.levels import speech_level

        def judge(audio: Audio) -> tuple[bool, str]:
            level = speech_level(audio)
            if level.active_dbfs is None or level.activity is None:
                return False, "silence, which has no active level"
            share = f"active {100 * level.activity:.0f} % of {audio.duration_s:.2f} s"
            return low <= level.active_dbfs <= high, f"{level.active_dbfs:.1f} dBFS, {share}"

        limits = {"at least": at_least, "at most": at_most}
        expected = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
        self._judge("recording has level", f"{expected} dBFS", judge, timeout)

    def _judge(
        self, name: str, expected: str, judge: Callable[[Audio], tuple[bool, str]], timeout: float
    ) -> None:
        """Wait for the file and judge it; one that cannot be read, or holds nothing, fails."""
        from media.wav import AudioError, read

        path = self._recording.wait(timeout).path
        try:
            passed, observed = judge(read(path))
        except AudioError as error:
            passed, observed = False, f"no audio: {error}"
        self._decide(name, passed, expected, observed)


def is_silent(audio: Audio) -> tuple[bool, str]:
    """Whether one silence fills the audio, and what is in it."""
    from media.levels import silences, speech_level

    quiet = silences(audio, SILENT_DBFS, shortest_s=1 / audio.rate)
    if quiet and quiet[0].duration_s == audio.duration_s:
        return True, f"{audio.duration_s:.2f} s of silence"
    begin = quiet[0].end_s if quiet and quiet[0].start_s == 0 else 0.0
    peak = speech_level(audio).peak_dbfs
    loudest = f", peak {peak:.1f} dBFS" if peak is not None else ""
    return False, f"sound from {begin:.3f} s on{loudest}"


def listed(kind: str, found: list[str]) -> str:
    """The first findings, and how many there are more."""
    if not found:
        return f"no {kind}s"
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")
