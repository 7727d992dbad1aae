"""Recordings of a call on the page: picture, players, and the position of both in the time of the call.

Sent audio is that with which the recording was compared, otherwise what the other end of the call played, if
that is an endpoint of the run too, otherwise what this end played.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.report.page_files import PageFiles
from bot.report.timeline import beginning
from bot.ua import Activity, Call, Recording

if TYPE_CHECKING:
    from media.audio.wav import Audio

__all__ = ["Hearing", "Player", "hearings"]

HIDDEN_TONES = (
    "neither drawn nor played here: digits of this call are hidden, and a recording keeps their tones"
)
LONGEST_S = 1800.0
"""Longest audio of a player, in seconds."""


@dataclass(frozen=True)
class Player:
    """An audio player; its second 0 is ``starts_at`` seconds after the beginning of the call."""

    name: str
    source: str
    starts_at: float


@dataclass(frozen=True)
class Span:
    """Time axis of a picture: seconds of the call at both ends, and their places as shares of the width."""

    start_s: float
    end_s: float
    left: float
    right: float


@dataclass(frozen=True)
class Hearing:
    """A recording; ``svg`` is its picture in base64, without a picture ``words`` says why there is none."""

    name: str
    words: str
    link: str | None = None
    svg: str = ""
    span: Span | None = None
    players: tuple[Player, ...] = ()


def hearings(call: Call, calls: Sequence[Call], files: PageFiles, anchor: str) -> Iterator[Hearing]:
    """The recordings of a call, one of the run's ``calls``; ``anchor`` names the files of its audio."""
    from media.audio.wav import AudioError

    for number, recording in enumerate(call.recordings):
        name = recording.path.name
        link = files.link(recording.path)
        if any(one.secrets.in_recordings for one in (call, *other_ends(call, calls))):
            yield Hearing(name, HIDDEN_TONES, link)
            continue
        try:
            hearing = drawn(call, calls, recording)
        except AudioError as error:
            yield Hearing(name, str(error), link)
            continue
        players = tuple(hearing.players(files, f"{anchor}-{number}"))
        yield replace(hearing.drawing, link=link, players=players)


@dataclass(frozen=True)
class Drawn:
    """A drawing with the audio of its players."""

    drawing: Hearing
    heard: Audio
    sent: Audio | None
    delay_s: float
    """Start of the sent audio, in seconds after that of the recording."""
    starts_at: float
    """Start of the recording in seconds of the call."""

    def players(self, files: PageFiles, name: str) -> Iterator[Player]:
        """Players of what was sent and heard, and of both at once: sent on the left, heard on the right."""
        from media.audio.flac import flac, side_by_side

        sides: dict[str, tuple[float, tuple[Audio, ...]]] = {"heard": (0.0, (self.heard,))}
        if self.sent is not None:
            both = side_by_side(self.sent, self.heard, -self.delay_s)
            sent = self.delay_s, (self.sent,)
            sides = {"sent": sent, **sides, "both": (min(0.0, self.delay_s), both)}
        for side, (start, audio) in sides.items():
            if max(one.duration_s for one in audio) > LONGEST_S:
                continue
            source = files.sound(f"{name}-{side}.flac", flac(*audio))
            if source is not None:
                yield Player(side, source, self.starts_at + start)


def drawn(call: Call, calls: Sequence[Call], recording: Recording) -> Drawn:
    """The picture of a recording; raises AudioError for a file that cannot be read."""
    from media.audio.wav import read
    from media.plot.plot import axis, picture

    facts = call.facts
    zero = beginning(facts)
    heard = read(recording.path)
    starts_at = begun(call, recording) - zero
    reference, of = facts.compared or (None, None)
    comparison = facts.comparison if of == recording.path else None
    sent, delay_s = None, 0.0
    if reference is not None and comparison is not None:
        sent, delay_s = read(reference), (comparison.delay_ms or 0.0) / 1000
    else:
        sides = (*other_ends(call, calls), call)
        found = (played(one, starts_at + zero, heard.duration_s) for one in sides)
        sent = next((audio for audio in found if audio is not None), None)
    image = picture(heard, reference=sent, comparison=comparison)
    times = axis(heard, reference=sent, comparison=comparison)
    against = ", below the sent audio" if sent is not None else ""
    drawing = Hearing(
        recording.path.name,
        f"waveform and spectrogram of {recording.path.name}{against}",
        svg=b64encode(image).decode(),
        span=Span(starts_at + times.start_s, starts_at + times.end_s, times.left, times.right),
    )
    return Drawn(drawing, heard, sent, delay_s, starts_at)


def other_ends(call: Call, calls: Sequence[Call]) -> list[Call]:
    """The same call at other endpoints of the run."""
    same = (one for one in calls if one.facts.sip_call_id == call.facts.sip_call_id)
    return [one for one in same if one.endpoint is not call.endpoint]


def begun(call: Call, recording: Recording) -> float:
    """Monotonic time at which a recording began; the beginning of the call if that was not seen."""
    activity = activity_of(call, "record", recording.number)
    return activity.at if activity is not None else beginning(call.facts)


def activity_of(call: Call, kind: str, number: int) -> Activity | None:
    """The activity with a number."""
    found = (one for one in call.facts.activities if (one.kind, one.number) == (kind, number))
    return next(found, None)


def played(call: Call, start: float, duration_s: float) -> Audio | None:
    """What this side played from the monotonic time ``start`` on; None when it played nothing then."""
    import numpy as np

    from media.audio.wav import Audio, AudioError, read

    mixed: Audio | None = None
    for number, playback in call.played.items():
        activity = activity_of(call, "play", number)
        if activity is None or activity.at > start + duration_s:
            continue
        try:
            audio = read(playback.path)
        except AudioError:
            continue
        if mixed is None:
            mixed = Audio(np.zeros(round(duration_s * audio.rate), np.float32), audio.rate)
        if audio.rate != mixed.rate or not len(audio.samples):
            continue
        first = round((activity.at - start) * mixed.rate)
        end = activity.ended_at if activity.ended_at is not None else start + duration_s
        most = round((end - activity.at) * mixed.rate)
        samples = np.resize(audio.samples, most) if playback.loop else audio.samples[:most]
        samples = samples[max(0, -first) :]
        place = mixed.samples[max(0, first) : max(0, first) + len(samples)]
        place += samples[: len(place)]
    return mixed if mixed is not None and mixed.samples.any() else None
