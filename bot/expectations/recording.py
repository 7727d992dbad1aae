"""Expectations of recorded audio: markers, digits, signals, level (ITU-T P.56), silence, a reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.deadline import TIMEOUT_S
from bot.errors import ConfigError, WaitTimeout
from bot.expectations.base import Expectation
from bot.expectations.definition import Companion, expectation
from bot.ua import Recording

if TYPE_CHECKING:
    from media.audio.wav import Audio

from collections.abc import Iterator, Sequence
from typing import Any

from bot.audio_files import Source, audio_file, audio_of, check_audible
from bot.config import did_you_mean
from bot.expectations.recording_in_call import MAX_DELAY_MS, since_the_answer, within_the_call
from bot.expectations.values import (
    Answerer,
    AudioSource,
    Decibels,
    Level,
    MarkerNumber,
    Milliseconds,
    Passes,
    PositiveMilliseconds,
    properties,
)
from bot.ua import passes_of

__all__ = ["RecordingExpectation", "SoundExpectation"]

SILENT_DBFS = -50.0
"""Upper limit of silence in dBFS, per 5 ms; A-law noise is at -66, room noise is similar."""
SHOWN = 8
"""Maximum number of findings in a verdict; the verdict states the number of further ones."""


def checked_signal(name: str) -> None:
    """Raise ConfigError for a signal that cannot be detected."""
    from media.detect.call_progress import CADENCES

    names = list(dict.fromkeys(cadence.name for cadence in CADENCES))
    if name not in names:
        hint = did_you_mean(name, names) or f"; expected one of {', '.join(names)}"
        raise ConfigError(f"unknown signal {name!r}{hint}")


def markers(value: int | Sequence[int]) -> list[dict[str, int]]:
    """The arguments for each marker."""
    return [{"identity": number} for number in ([value] if isinstance(value, int) else value)]


COMPARISON_KEYS = {
    "ignore": Companion(
        list[tuple[float, float]], "Sections of ``matches`` that may be missing: start and end in seconds."
    ),
    "max_missing_ms": Companion(
        Milliseconds,
        "Longest total duration of missing or concealed audio, in ms.",
        option="--max-missing-ms",
        metavar="MS",
        option_default="60",
    ),
    "max_delay_ms": Companion(
        PositiveMilliseconds,
        "Latest start of the expected audio, in ms; default: 2500.",
        default=MAX_DELAY_MS,
        option="--max-delay-ms",
        metavar="MS",
    ),
    "max_level_step_db": Companion(
        Decibels,
        "Largest change of level within the expected audio, in dB.",
        option="--max-level-step-db",
        metavar="DB",
        option_default="4.5",
    ),
    "min_snr_db": Companion(float, "Lowest signal-to-noise ratio, in dB."),
    "passes": Companion(
        Passes,
        "Number of times that the codec has encoded the audio: 1, or 2 for an echo.",
        option="--passes",
        metavar="N",
        option_default="1; 2 for an echo by our parrot",
    ),
    "through": Companion(
        str,
        "Codec with the lowest quality on the media path; default: the codec of the call.",
        parameter="codec",
    ),
}


class SoundExpectation(Expectation):
    """Expectations of a recording without a reference; ``timeout`` is the wait for its file, in seconds."""

    def __init__(self, recording: Recording, *, soft: bool = False) -> None:
        super().__init__(recording.call, soft=soft)
        self._recording = recording

    @expectation(
        "marker",
        value=MarkerNumber | list[MarkerNumber],
        each=markers,
        description="Number of the marker in the recording, 0 to 65535, or a list of numbers; see signal "
        "``marker:17``.",
    )
    def to_contain_marker(self, identity: int, *, timeout: float = TIMEOUT_S) -> None:
        """The marker of this identity is heard, once or more (``srtpbot audio make``).

        Raises ConfigError for an invalid identity.
        """
        from media.signals.marker import IDENTITIES, find_markers

        if not 0 <= identity < IDENTITIES:
            raise ConfigError(f"a marker's identity is 0 to {IDENTITIES - 1}, not {identity}")

        def judge(audio: Audio) -> tuple[bool, str]:
            found = find_markers(audio)
            heard = [f"{finding.identity} at {finding.start_s:.3f} s" for finding in found]
            return any(one.identity == identity for one in found), listed("marker", heard)

        self._judge("recording contains marker", f"marker {identity}", judge, timeout)

    @expectation("digits")
    def to_contain_dtmf(self, digits: str, *, timeout: float = TIMEOUT_S) -> None:
        """Exactly these DTMF digits are heard as tones, in this order.

        Raises ConfigError for an invalid digit.
        """
        from media.detect.dtmf import detect
        from media.signals.dtmf import DIGITS

        wanted = digits.upper()
        if not wanted or (wrong := wanted.strip(DIGITS)):
            what = f"{wrong[0]!r} is not one" if wanted else "there is none"
            raise ConfigError(f"DTMF digits {digits!r}: {what}; expected {DIGITS}")

        def judge(audio: Audio) -> tuple[bool, str]:
            found = detect(audio)
            heard = "".join(one.digit for one in found)
            starts = [f"{finding.digit} at {finding.start_s:.3f} s" for finding in found]
            return heard == wanted, f"{heard!r}: {listed('digit', starts)}" if found else "no digits"

        self._judge("recording contains DTMF", repr(wanted), judge, timeout)

    @expectation("signal", check=checked_signal)
    def to_contain_signal(self, name: str, *, timeout: float = TIMEOUT_S) -> None:
        """A signal of this name is heard: ringback, busy, congestion, dial, beep ...

        Raises ConfigError for an unknown signal.
        """
        from media.detect.call_progress import signals

        checked_signal(name)

        def judge(audio: Audio) -> tuple[bool, str]:
            found = signals(audio)
            heard = [
                f"{finding.name}{f' ({finding.plan})' if finding.plan else ''} at {finding.start_s:.2f} s"
                for finding in found
            ]
            return any(one.name == name for one in found), listed("signal", heard)

        self._judge("recording contains signal", name, judge, timeout)

    @expectation("silent", negative="not_to_be_silent")
    def to_be_silent(self, *, timeout: float = TIMEOUT_S) -> None:
        """There is audio, and all of it stays below -50 dBFS, 5 ms at a time; an empty file fails."""
        self._judge("recording is silent", f"nothing above {SILENT_DBFS:g} dBFS", is_silent, timeout)

    def not_to_be_silent(self, *, timeout: float = TIMEOUT_S) -> None:
        """Somewhere in the recording is a sound of -50 dBFS or more."""

        def judge(audio: Audio) -> tuple[bool, str]:
            silent, observed = is_silent(audio)
            return not silent, observed

        self._judge("recording is not silent", f"a sound above {SILENT_DBFS:g} dBFS", judge, timeout)

    @expectation("answered_by")
    def to_be_answered_by(self, who: Answerer, *, timeout: float = TIMEOUT_S) -> None:
        """A human or an answering machine answered the call, judged by the greeting in the recording.

        A beep, or a greeting of more than 2.8 s, is a machine's; a shorter greeting before 1 s of silence is
        a human's. Silence, or a recording that ends too early, is neither. Audio before the answer does not
        count. Raises ConfigError for another answerer.
        """
        from media.detect.answering_machine import hear_greeting

        if who not in ("human", "machine"):
            raise ConfigError(f"unknown answerer {who!r}; expected 'human' or 'machine'")

        def judge(audio: Audio) -> tuple[bool, str]:
            answered = since_the_answer(audio, self._recording)
            if answered is None:
                return False, "the call was not answered"
            greeting = hear_greeting(answered)
            return greeting.judgement == who, f"{greeting.judgement}: {greeting.reason}"

        self._judge("is answered by", who, judge, timeout)

    @expectation("level", parameter=None, value=Level, each=properties)
    def to_have_level(
        self, *, at_least: float | None = None, at_most: float | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The active speech level (ITU-T P.56) is within these limits, in dBFS, where 0 is a full-scale sine.

        Raises ConfigError without a limit, and for contradictory limits.
        """
        if at_least is None and at_most is None:
            raise ConfigError("to_have_level() needs a limit: at_least=, at_most=, or both, in dBFS")
        low = -float("inf") if at_least is None else at_least
        high = float("inf") if at_most is None else at_most
        if not low <= high:
            raise ConfigError(f"no level is at least {low:g} and at most {high:g} dBFS")
        from media.audio.levels import speech_level

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
        """Wait for the file and judge it; an unreadable or empty file fails."""
        audio, problem = self._heard(timeout)
        passed, observed = judge(audio) if audio is not None else (False, problem)
        self._decide(name, passed, expected, observed)

    def _heard(self, timeout: float) -> tuple[Audio | None, str]:
        """The audio of the complete file, or the reason of its absence.

        Raises WaitTimeout for a file that is still being recorded, unless this expectation is soft.
        """
        from media.audio.wav import AudioError, read

        try:
            return read(self._recording.wait(timeout).path), ""
        except AudioError as error:
            return None, f"no audio: {error}"
        except WaitTimeout as late:
            if not self._subject.soft:
                raise
            return None, f"no audio: {late}"


def is_silent(audio: Audio) -> tuple[bool, str]:
    """Whether the whole audio is silent, and a text about its content."""
    from media.audio.levels import silences, speech_level

    quiet = silences(audio, SILENT_DBFS, shortest_s=1 / audio.rate)
    if quiet and quiet[0].duration_s == audio.duration_s:
        return True, f"{audio.duration_s:.2f} s of silence"
    begin = quiet[0].end_s if quiet and quiet[0].start_s == 0 else 0.0
    peak = speech_level(audio).peak_dbfs
    loudest = f", peak {peak:.1f} dBFS" if peak is not None else ""
    return False, f"sound from {begin:.3f} s on{loudest}"


def listed(kind: str, found: list[str]) -> str:
    """The first findings, and the number of further ones."""
    if not found:
        return f"no {kind}s"
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")


class RecordingExpectation(SoundExpectation):
    """All expectations of a recording; those without a reference are in ``SoundExpectation``."""

    @expectation(
        "matches",
        value=AudioSource,
        also=COMPARISON_KEYS,
        check=check_audible,
        option="--expect-audio",
        metavar="FILE|SIGNAL",
        description="The recording contains the audio of this file or signal.",
    )
    def to_match(
        self,
        reference: Source,
        *,
        timeout: float = TIMEOUT_S,
        ignore: Sequence[tuple[float, float]] = (),
        max_missing_ms: float | None = None,
        max_delay_ms: float | None = None,
        max_level_step_db: float | None = None,
        min_snr_db: float | None = None,
        codec: str | None = None,
        passes: int | None = None,
        sent: Source | None = None,
        folder: Source = "",
    ) -> None:
        """The recording holds the reference, a file or a signal: the right audio, whole, at a sane level.

        ``ignore`` has intervals of the reference (from, to, in seconds) that may be missing, for instance
        where digits replaced the audio. ``max_missing_ms`` is the further audio that may be missing, and
        the limit for concealed audio. ``max_level_step_db`` is the largest level change between
        consecutive blocks of 200 ms. ``max_delay_ms`` is the latest start of the audio, measured from the
        answer or from the time at which an endpoint of the run last began to play. When it is None, the
        limit is 2500 if the endpoints share a journal. Without a shared journal the start of the other
        side's playback is unknown, and None means no limit. The expectation also fails if the library
        counts more lost packets than the comparison finds missing audio. ``codec`` is the worst codec on
        the path, if it is not the codec of the call. ``passes`` is the number of passes through the
        codec, 1 or 2. When it is None, it is 2 if the peer identifies itself as our parrot. ``sent`` is
        the audio that this side played from the start of the recording; it must not come back as echo. A
        relative file name is relative to ``folder``.
        """
        from media.audio.wav import AudioError
        from media.compare.compare import Options, compare

        chosen: dict[str, Any] = {"ignore": tuple(ignore), "min_snr_db": min_snr_db}
        limits = {"max_missing_ms": max_missing_ms, "max_level_step_db": max_level_step_db}
        chosen |= {name: limit for name, limit in limits.items() if limit is not None}
        line = self._facts.audio()
        if line is not None:
            chosen["codec"] = f"{line.codec}/{line.clock_rate}"
            chosen["packet_ms"] = float(line.ptime_ms or 20)
        if codec is not None:
            chosen["codec"] = codec
        chosen["passes"] = passes_of(self._recording.call) if passes is None else passes
        wanted = audio_of(reference, folder)
        mine = audio_of(sent, folder) if sent is not None else None
        name, expected = "recording matches", f"the audio of {reference}"
        audio, problem = self._heard(timeout)
        if audio is None:
            self._decide(name, False, expected, problem)
            return
        try:
            options = Options(**chosen)
            comparison = compare(wanted, audio, options=options, sent=mine)
        except AudioError as error:
            raise ConfigError(f"{reference}: {error}") from None
        if max_delay_ms is None:
            max_delay_ms = MAX_DELAY_MS if self._recording.call.endpoint.has_company else math.inf
        comparison = within_the_call(comparison, self._recording, wanted, options, max_delay_ms=max_delay_ms)
        self._facts.comparison = comparison
        self._facts.compared = audio_file(reference, folder), self._recording.path
        self._decide(name, comparison.matched, expected, described(comparison))


def described(comparison: Any) -> str:
    """The figures of the comparison in one line."""
    figures = [
        "matched" if comparison.matched else "; ".join(comparison.reasons),
        *(f"delay {value:.0f} ms" for value in some(comparison.delay_ms)),
        *(f"SNR {value:.1f} dB" for value in some(comparison.snr_db)),
        *(f"correlation {value:.3f}" for value in some(comparison.correlation)),
        *(f"missing {value:.0f} ms" for value in some(comparison.missing_ms)),
        *(f"of that {value:.0f} ms concealed" for value in some(comparison.concealed_ms) if value),
    ]
    return ", ".join(figures)


def some(value: float | None) -> Iterator[float]:
    """The value, if there is one."""
    if value is not None:
        yield value
