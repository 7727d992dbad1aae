"""Owns the audio of one RTP stream as a WAV file in which everything is where its timestamp puts it.

RFC 3550, 5.1 (timestamps), RFC 3551, 4.1 (silence suppression). It must not know of captures, keys or SIP,
nor how a payload is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import soundfile

from media.file_errors import folder_hint
from media.payload import Decoder, Samples, UndecodableCodec, decoder
from media.sequence import Sequence
from media.wav import AudioError

__all__ = ["LONGEST_S", "Playout", "stereo"]

LONGEST_S = 6 * 3600.0
"""The longest audio that is written."""
MOST_FRAMES = int(LONGEST_S * 48000)  # of a file: in stereo nearly the 4 GiB that a WAV can have
JUMP_S = 5.0  # by more than this no jitter makes the timestamps and the time of capture disagree
DRIFT_S = 0.2  # by more than this the file does not stray from the time of capture beyond the next silence
OVERLAP_S = 0.5  # a packet may repeat so much of what came before; what goes back further begins anew

SILENT = frozenset({"CN", "TELEPHONE-EVENT"})  # payloads that have a time but no sound
MOST_DECODERS, MOST_PROBLEMS = 8, 8
BLOCK = 1 << 16  # samples that are written together


class _Arrival(NamedTuple):
    at: float
    timestamp: int
    payload: bytes
    format: tuple[str, int, int]


class Playout:
    """Writes a stream's audio to a 16-bit mono WAV as its packets come, in memory that does not grow.

    Packets are put in order within a window of 50, those that come twice or later are dropped. Where
    packets are missing, where the sender suppressed silence (with comfort noise, RFC 3389, or without) and
    where telephone-events replaced the audio there is silence; only the first is missing audio.

    Timestamps that disagree with the time of capture by more than 5 s are not believed: the audio goes on by
    the time of capture. Where they have strayed from it by 0.2 s, the sender's next silence makes it good.
    What is at another rate than the file's (after a change of codec) is resampled.

    `rate`: the file's in Hz; None is that of the first codec. `longest_s`: where the file is cut.
    The file is made when there is audio, and whole after `close`. Use it as a context manager.
    """

    def __init__(self, path: str | Path, *, rate: int | None = None, longest_s: float = LONGEST_S) -> None:
        self.path = Path(path)
        self.started: float | None = None
        """The time of capture (s since 1970) of the first sample; None without any audio."""
        self.missing_ms = 0.0
        """Silence in place of packets that were lost, or whose payload could not be decoded."""
        self.undecoded = 0
        """Packets of audio that gave none: damaged, or of a codec that cannot be decoded here."""
        self.problems: tuple[str, ...] = ()
        """What keeps the file from being all there was, in sentences."""
        self._rate = rate
        self._longest_s = longest_s
        self._order = Sequence[_Arrival]()
        self._decoders: dict[tuple[str, int, int], Decoder | None] = {}
        self._wav: _Wav | None = None
        self._full = False
        self._lost = 0  # packets since the last audio
        self._clock = 0  # Hz; then of the last audio: the timestamp after it, its length and time of capture
        self._next = 0
        self._ticks = 0
        self._at = 0.0

    @property
    def duration_s(self) -> float:
        """Of the audio so far; of all of it after `close`."""
        return self._wav.duration_s if self._wav else 0.0

    def add(
        self,
        at: float,
        sequence: int,
        timestamp: int,
        payload: bytes,
        *,
        codec: str,
        clock_rate: int,
        channels: int = 1,
    ) -> None:
        """Take the next packet in the order of capture; codec and clock rate are those of its payload type.

        A codec that cannot be decoded is a problem of the file, not an error. Raises AudioError when the
        file cannot be written.
        """
        for lost, arrival in self._order.put(
            sequence, _Arrival(at, timestamp, payload, (codec, clock_rate, channels))
        ):
            self._play(lost, arrival)

    def close(self) -> None:
        """Write what is still held and end the file. Raises AudioError when it cannot be written."""
        for lost, arrival in self._order.flush():
            self._play(lost, arrival)
        if self._wav:
            self._wav.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _play(self, lost: int, arrival: _Arrival) -> None:
        """Write a packet's audio, after the silence before it."""
        self._lost += lost
        if self._full or arrival.format[0].upper() in SILENT:
            return
        codec = self._decoder(arrival.format)
        samples = codec.decode(arrival.payload) if codec else None
        if codec is None or samples is None or not len(samples):
            self.undecoded += 1
            self._lost += 1
            return
        clock = arrival.format[1]
        if self._wav is None:
            self.started = arrival.at
            self._wav = _Wav(self.path, self._rate or codec.rate)
            self._longest_s = min(self._longest_s, MOST_FRAMES / self._wav.rate)
            gap = 0
        else:
            gap = self._gap(arrival, clock)
        ticks = len(samples) * clock // codec.rate
        if gap < 0:
            samples = samples[-gap * codec.rate // clock :]
        silence = max(0, gap) * codec.rate // clock
        if self._wav.duration_s + (silence + len(samples)) / codec.rate > self._longest_s:
            self._full = True
            self._tell(f"the audio is cut after {self._wav.duration_s:.0f} s: it would be too long a file")
            return
        self.missing_ms += 1000 * min(max(0, gap), self._lost * self._ticks) / clock
        self._wav.silence(silence, codec.rate)
        self._wav.write(samples, codec.rate)
        self._lost = 0
        self._clock, self._ticks = clock, ticks
        if len(samples):
            self._next = (arrival.timestamp + ticks) & 0xFFFFFFFF
            self._at = arrival.at

    def _gap(self, arrival: _Arrival, clock: int) -> int:
        """Ticks of the clock from the end of the last audio to this; negative: this repeats some of it."""
        pause = arrival.at - self._at - self._ticks / (self._clock or clock)
        if clock == self._clock:
            gap = ((arrival.timestamp - self._next + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            if gap >= -OVERLAP_S * clock and abs(gap / clock - pause) <= JUMP_S:
                return gap if gap <= 0 or self._lost else self._silence(gap, arrival.at, clock)
        return round(max(0.0, min(pause, self._longest_s)) * clock)

    def _silence(self, gap: int, at: float, clock: int) -> int:
        """The ticks of a silence of the sender's: where the file may meet the time of capture again.

        Some senders count the time of a telephone-event twice, and the two clocks are not the same.
        """
        late = self.duration_s + gap / clock - (at - (self.started or 0.0))
        return gap if not abs(late) > DRIFT_S else max(0, gap - round(late * clock))

    def _decoder(self, key: tuple[str, int, int]) -> Decoder | None:
        """The stream's decoder of a codec; None when there is none."""
        if key not in self._decoders:
            if len(self._decoders) == MOST_DECODERS:
                self._decoders.clear()
            try:
                self._decoders[key] = decoder(key[0], key[1], channels=key[2])
            except UndecodableCodec as error:
                self._decoders[key] = None
                self._tell(str(error))
        return self._decoders[key]

    def _tell(self, problem: str) -> None:
        if problem not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems += (problem,)


class _Wav:
    """A 16-bit mono WAV, written in blocks; what comes at another rate than its own (Hz) is resampled."""

    def __init__(self, path: Path, rate: int) -> None:
        self.rate = rate
        self._path = path
        self._file = _created(path, rate, 1)
        self._pending: list[Samples] = []
        self._waiting = 0  # samples that are pending
        self._source = rate  # Hz of what comes now
        self._count = 0  # samples of this source
        self._before_s = 0.0  # of those before
        self._resampler: Any = None

    @property
    def duration_s(self) -> float:
        return self._before_s + self._count / self._source

    def write(self, samples: Samples, rate: int) -> None:
        """Append samples of a rate in Hz."""
        if rate != self._source:
            self._change(rate)
        self._pending.append(samples)
        self._count += len(samples)
        self._waiting += len(samples)
        if self._waiting >= BLOCK:
            self._flush()

    def silence(self, count: int, rate: int) -> None:
        """Append silent samples of a rate in Hz."""
        for at in range(0, count, BLOCK):
            self.write(np.zeros(min(BLOCK, count - at), np.int16), rate)

    def close(self) -> None:
        """End the file."""
        if self._file.closed:
            return
        self._flush(last=True)
        self._before_s, self._count = self._file.frames / self.rate, 0
        self._file.close()

    def _change(self, rate: int) -> None:
        self._flush(last=True)
        self._before_s, self._count, self._source = self.duration_s, 0, rate
        self._resampler = _resampler(rate, self.rate)

    def _flush(self, *, last: bool = False) -> None:
        samples = np.concatenate([np.zeros(0, np.int16), *self._pending])
        self._pending.clear()
        self._waiting = 0
        if self._resampler:
            samples = self._resampler.resample_chunk(samples, last=last)
        _append(self._path, self._file, samples)


def stereo(left: str | Path, right: str | Path, offset_s: float, out: str | Path) -> None:
    """Put two mono files side by side in one 16-bit WAV, `right` beginning `offset_s` after `left`.

    With a negative offset it begins before. The higher rate of the two is the result's, the shorter one ends
    in silence. Memory does not grow with their length. Raises AudioError when a file cannot be read or
    written, or the offset is longer than a file may be.
    """
    if not abs(offset_s) <= LONGEST_S:
        raise AudioError(f"the two sides of a call cannot begin {offset_s:g} s apart; check the clocks")
    out = Path(out)
    with _opened(Path(left)) as one, _opened(Path(right)) as other:
        rate = max(one.samplerate, other.samplerate)
        length_s = abs(offset_s) + max(one.frames / one.samplerate, other.frames / other.samplerate)
        if length_s * rate > MOST_FRAMES:
            raise AudioError(f"{out}: {length_s:.0f} s of both sides are more than a WAV file can hold")
        sides = (
            _rebuffered(_side(one, rate, max(0.0, -offset_s))),
            _rebuffered(_side(other, rate, max(0.0, offset_s))),
        )
        with _created(out, rate, 2) as file:
            while True:
                blocks = [next(side, None) for side in sides]
                length = max(0 if block is None else len(block) for block in blocks)
                if not length:
                    return
                both = np.zeros((length, 2), np.int16)
                for column, block in enumerate(blocks):
                    if block is not None:
                        both[: len(block), column] = block
                _append(out, file, both)


def _side(file: soundfile.SoundFile, rate: int, before_s: float) -> Iterator[Samples]:
    """A file's samples at a rate, after some silence, in pieces of any length."""
    before = round(before_s * rate)
    for at in range(0, before, BLOCK):
        yield np.zeros(min(BLOCK, before - at), np.int16)
    resampler = _resampler(file.samplerate, rate)
    while True:
        samples = file.read(BLOCK, dtype="int16", always_2d=True)[:, 0]
        last = not len(samples)
        yield resampler.resample_chunk(samples, last=last) if resampler else samples
        if last:
            return


def _rebuffered(pieces: Iterator[Samples]) -> Iterator[Samples]:
    """The same samples in blocks that are all full but the last."""
    kept: Samples = np.zeros(0, np.int16)
    for piece in pieces:
        kept = np.concatenate([kept, piece])
        while len(kept) >= BLOCK:
            yield kept[:BLOCK]
            kept = kept[BLOCK:]
    if len(kept):
        yield kept


def _resampler(source: int, target: int) -> Any:
    """What resamples a stream of 16-bit samples; None when there is nothing to do."""
    if source == target:
        return None
    import soxr

    return soxr.ResampleStream(source, target, 1, "int16", "HQ")


def _created(path: Path, rate: int, channels: int) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(
            str(path), "w", samplerate=rate, channels=channels, format="WAV", subtype="PCM_16"
        )
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be written: {error}{folder_hint(path)}") from error


def _opened(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(str(path))
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be read: {error}") from error


def _append(path: Path, file: soundfile.SoundFile, samples: Samples) -> None:
    try:
        file.write(samples)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"{path}: cannot be written: {error}; is the disk full?") from error
