"""Answering machine detection (AMD): classifies a greeting as human or machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from media.audio.levels import Stretch
from media.audio.wav import Audio, AudioError
from media.detect.call_progress import ToneHeard, find_tones, recognise
from media.detect.voice import voice

__all__ = ["Greeting", "Judgement", "Options", "hear_greeting"]

Judgement = Literal["human", "machine", "silence", "unknown"]


@dataclass(frozen=True, slots=True)
class Options:
    """The rules for a greeting; durations in seconds.

    `longest_person_s`: a person says "hello", or a name and a company; a longer greeting is a machine's.
    `person_waits_s`: after a short greeting a person is silent for this long. A shorter pause belongs to
    the greeting. `shortest_voice_s`: a shorter voice is a breath or a click. `silence_s`: without a voice
    for this long the result is silence. `hears_s`: the analysed duration of the audio (None for all of
    it).

    `beep_hz`, `beep_s`: minimum and maximum frequency and duration of the beep of a machine. The beep is
    a single sine, not a call progress tone, and is followed by `beep_quiet_s` without speech.
    """

    longest_person_s: float = 2.8
    person_waits_s: float = 1.0
    shortest_voice_s: float = 0.12
    silence_s: float = 4.0
    hears_s: float | None = None
    beep_hz: tuple[float, float] = (350.0, 2200.0)
    beep_s: tuple[float, float] = (0.09, 1.6)
    beep_quiet_s: float = 0.3


@dataclass(frozen=True, slots=True)
class Greeting:
    """The greeting after the answer; times in seconds from the start of the audio.

    `judgement` is the answerer, and `reason` explains it. `voice_start_s` is the start of the voice, and
    `end_s` the end of the greeting: of its last word before the beep or before the silence for the caller.
    Both are None without a voice; `end_s` is also None when the audio ends during the greeting. `beep` is the
    machine's beep. `speech` has the speech intervals of the greeting.
    """

    judgement: Judgement
    reason: str
    voice_start_s: float | None = None
    end_s: float | None = None
    beep: ToneHeard | None = None
    speech: tuple[Stretch, ...] = ()


def hear_greeting(audio: Audio, *, options: Options | None = None) -> Greeting:
    """Detect the answerer by the audio that the callee sends after the answer.

    The first rule that applies decides: a beep means a machine; no voice for long enough means silence; a
    long greeting means a machine; a short greeting and then silence means a person. Otherwise the result is
    unknown, because the audio is too short. A person who talks without a pause counts as a machine, and a
    machine with a short greeting and no beep counts as a person. Raises AudioError for invalid `options`.
    """
    options = options or Options()
    _check(options)
    if options.hears_s is not None:
        audio = Audio(audio.samples[: round(options.hears_s * audio.rate)], audio.rate)
    tones = find_tones(audio)
    spoken = tuple(turn for turn in voice(audio, tones=tones) if turn.duration_s >= options.shortest_voice_s)
    beep = _beep(tones, spoken, options)
    if beep is not None:
        return _before_beep(beep, spoken)
    if not spoken:
        return _without_voice(audio.duration_s, options)
    greeting = _first_greeting(spoken, options.person_waits_s)
    start, end = greeting[0].start_s, greeting[-1].end_s
    waited = audio.duration_s - end if greeting[-1] is spoken[-1] else options.person_waits_s
    ended = end if waited >= options.person_waits_s else None
    description = f"a greeting of {end - start:.1f} s"
    if end - start > options.longest_person_s:
        reason = f"{description}, longer than the {options.longest_person_s:g} s of a person"
        return Greeting("machine", reason, start, ended, None, greeting)
    if ended is not None:
        reason = f"{description} and then silence, as a person waits for an answer"
        return Greeting("human", reason, start, ended, None, greeting)
    return Greeting(
        "unknown", f"{description}, and {waited:.1f} s later the audio ends", start, None, None, greeting
    )


def _check(options: Options) -> None:
    if min(options.longest_person_s, options.person_waits_s, options.silence_s) <= 0:
        raise AudioError(f"a greeting cannot be judged with durations of 0 or less: {options}")
    if options.hears_s is not None and options.hears_s <= 0:
        raise AudioError(f"{options.hears_s:g} s of audio cannot be listened to; give more, or None for all")
    for name, (least, most) in (("beep_hz", options.beep_hz), ("beep_s", options.beep_s)):
        if not 0 < least <= most:
            raise AudioError(f"{name} must be (least, most), not ({least:g}, {most:g})")


def _beep(tones: tuple[ToneHeard, ...], spoken: tuple[Stretch, ...], options: Options) -> ToneHeard | None:
    """The first tone that may be the beep of a machine."""
    progress = {tone for signal in recognise(tones) if signal.name != "beep" for tone in signal.tones}
    for tone in tones:
        is_single = len(tone.frequencies) == 1 and tone not in progress
        in_range = _within(tone.frequencies[0], options.beep_hz) and _within(tone.duration_s, options.beep_s)
        follows = any(
            tone.end_s - 0.1 < turn.end_s and turn.start_s < tone.end_s + options.beep_quiet_s
            for turn in spoken
        )
        if is_single and in_range and not follows:
            return tone
    return None


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _before_beep(beep: ToneHeard, spoken: tuple[Stretch, ...]) -> Greeting:
    greeting = tuple(turn for turn in spoken if turn.start_s < beep.start_s)
    reason = f"a beep of {beep.frequencies[0]:.0f} Hz and {beep.duration_s:.2f} s at {beep.start_s:.2f} s"
    if not greeting:
        return Greeting("machine", reason, beep=beep)
    end = min(greeting[-1].end_s, beep.start_s)
    return Greeting("machine", reason, greeting[0].start_s, end, beep, greeting)


def _without_voice(duration_s: float, options: Options) -> Greeting:
    if duration_s >= options.silence_s:
        return Greeting("silence", f"nobody spoke in {duration_s:.1f} s")
    return Greeting("unknown", f"nobody spoke, but {duration_s:.1f} s are too short to judge")


def _first_greeting(spoken: tuple[Stretch, ...], pause_s: float) -> tuple[Stretch, ...]:
    """The speech up to the first pause that is long enough for an answer."""
    for index in range(1, len(spoken)):
        if spoken[index].start_s - spoken[index - 1].end_s >= pause_s:
            return spoken[:index]
    return spoken
