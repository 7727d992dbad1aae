"""Owns who answered, a person or a machine, judged by what is heard then; it must not know of calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from media.levels import Stretch
from media.progress import ToneHeard, find_tones, recognise
from media.voice import voice
from media.wav import Audio, AudioError

__all__ = ["Greeting", "Judgement", "Options", "hear_greeting"]

Judgement = Literal["machine", "person", "silence", "unknown"]


@dataclass(frozen=True, slots=True)
class Options:
    """The rules by which a greeting is judged; durations in seconds.

    `longest_person_s`: a person says "hello", or a name and a firm; a greeting that lasts longer is a
    machine's. `person_waits_s`: after a short greeting a person is silent for this long. A pause shorter
    than that is within a greeting. `shortest_voice_s`: less voice than this is a breath or a click.
    `silence_s`: without a voice for this long nobody spoke; `hears_s`: only so much of the audio is
    listened to (None for all of it).

    `beep_hz`, `beep_s`: what frequency and duration the beep of a machine may have, least and most. It is
    a single sine, is no call progress tone, and nobody speaks for `beep_quiet_s` after it.
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
    """What was heard after the answer; times in seconds from the start of the audio.

    `judgement` is who answered and `reason` why, in words. `voice_start_s` is where a voice began and
    `end_s` where the greeting ended: its last word before the beep, or before the silence in which
    a caller may speak; both are None without a voice, and `end_s` too when the audio ends before the
    greeting is known to. `beep` is the machine's beep. `speech` are the stretches of the greeting.
    """

    judgement: Judgement
    reason: str
    voice_start_s: float | None = None
    end_s: float | None = None
    beep: ToneHeard | None = None
    speech: tuple[Stretch, ...] = ()


def hear_greeting(audio: Audio, *, options: Options | None = None) -> Greeting:
    """Judge who answered, from what the callee sends after the answer.

    The rules, the first that applies: a beep, it is a machine; no voice for long enough, silence; a greeting
    longer than a person's, a machine; a short one and then silence, a person. Else it is unknown: the audio
    is too short. A person who talks on without a pause is taken for a machine, and a machine that greets
    with one short sentence and no beep for a person. Raises AudioError when `options` make no sense.
    """
    options = options or Options()
    _check(options)
    if options.hears_s is not None:
        audio = Audio(audio.samples[: round(options.hears_s * audio.rate)], audio.rate)
    tones = find_tones(audio)
    spoken = tuple(one for one in voice(audio, tones=tones) if one.duration_s >= options.shortest_voice_s)
    beep = _beep(tones, spoken, options)
    if beep is not None:
        return _before_beep(beep, spoken)
    if not spoken:
        return _without_voice(audio.duration_s, options)
    greeting = _first_greeting(spoken, options.person_waits_s)
    start, end = greeting[0].start_s, greeting[-1].end_s
    waited = audio.duration_s - end if greeting[-1] is spoken[-1] else options.person_waits_s
    ended = end if waited >= options.person_waits_s else None
    said = f"a greeting of {end - start:.1f} s"
    if end - start > options.longest_person_s:
        reason = f"{said}, longer than the {options.longest_person_s:g} s of a person"
        return Greeting("machine", reason, start, ended, None, greeting)
    if ended is not None:
        reason = f"{said} and then silence, as a person waits for an answer"
        return Greeting("person", reason, start, ended, None, greeting)
    return Greeting(
        "unknown", f"{said}, and {waited:.1f} s later the audio ends", start, None, None, greeting
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
    """The first tone that may be a machine's beep."""
    progress = {tone for signal in recognise(tones) if signal.name != "beep" for tone in signal.tones}
    for tone in tones:
        is_single = len(tone.frequencies) == 1 and tone not in progress
        in_range = _within(tone.frequencies[0], options.beep_hz) and _within(tone.duration_s, options.beep_s)
        follows = any(
            tone.end_s - 0.1 < one.end_s and one.start_s < tone.end_s + options.beep_quiet_s for one in spoken
        )
        if is_single and in_range and not follows:
            return tone
    return None


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _before_beep(beep: ToneHeard, spoken: tuple[Stretch, ...]) -> Greeting:
    greeting = tuple(one for one in spoken if one.start_s < beep.start_s)
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
    """What is said up to the first pause that is long enough for an answer."""
    for index in range(1, len(spoken)):
        if spoken[index].start_s - spoken[index - 1].end_s >= pause_s:
            return spoken[:index]
    return spoken
