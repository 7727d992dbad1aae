"""Playout of one RTP stream into a WAV file, with all audio at the position of its timestamp.

RFC 3550, 5.1 (timestamps), RFC 3551, 4.1 (silence suppression). Decoders are in another module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import soundfile

from media.audio.file_errors import folder_hint
from media.audio.wav import AudioError
from media.rtp.codecs import Decoder, Samples, UndecodableCodec, decoder
from media.rtp.reorder import Sequence

__all__ = ["LONGEST_S", "Playout", "stereo"]

LONGEST_S = 6 * 3600.0
"""Maximum duration of the written audio."""
MOST_FRAMES = int(LONGEST_S * 48000)  # of a file: in stereo nearly 4 GiB, the limit of WAV
JUMP_S = 5.0  # a larger disagreement of timestamps and capture time is not jitter
DRIFT_S = 0.2  # a larger drift from the capture time is corrected at the next silence
OVERLAP_S = 0.5  # a packet may repeat this much of earlier audio; a larger step back is a restart

SILENT = frozenset({"CN", "TELEPHONE-EVENT"})  # payloads with a duration but without sound
MOST_DECODERS, MOST_PROBLEMS = 8, 8
BLOCK = 1 << 16  # samples written together


class _Arrival(NamedTuple):
    at: float
    timestamp: int
    payload: bytes
    format: tuple[str, int, int]


class Playout:
    """Writes a stream's audio to a 16-bit mono WAV as its packets arrive, in constant memory.

    Packets are sorted within a window of 50; duplicate and later packets are dropped. Where
    packets are missing, where the sender suppressed silence (with comfort noise, RFC 3389, or without) and
    where telephone-events replaced the audio there is silence; only the first is missing audio.

    Timestamps that differ from the capture time by more than 5 s are ignored: the audio continues by
    the capture time. A drift of 0.2 s is corrected at the sender's next silence.
    Audio at another rate than the file's (after a change of codec) is resampled.

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
        """Reasons why the file is incomplete, one sentence each."""
        self._rate = rate
        self._longest_s = longest_s
        self._order = Sequence[_Arrival]()
        self._decoders: dict[tuple[str, int, int], Decoder | None] = {}
        self._wav: _Wav | None = None
        self._full = False
        self._lost = 0  # packets since the last audio
        self._clock = 0  # Hz; then of the last audio: the timestamp after it, its length and capture time
        self._next = 0
        self._ticks = 0
        self._at = 0.0

    @property
    def duration_s(self) -> float:
        """Duration of the audio so far; of the whole audio after `close`."""
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
        """Add the next packet in capture order; codec and clock rate are those of its payload type.

        A codec that cannot be decoded is a problem of the file, not an error. Raises AudioError when the
        file cannot be written.
        """
        for lost, arrival in self._order.put(
            sequence, _Arrival(at, timestamp, payload, (codec, clock_rate, channels))
        ):
            self._play(lost, arrival)

    def close(self) -> None:
        """Write the buffered audio and close the file. Raises AudioError when it cannot be written."""
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
        """Write a packet's audio, and the silence before it."""
        self._lost += lost
        if self._full or arrival.format[0].upper() in SILENT:
            return
        codec = self._decoder(arrival.format)
        samples: Samples | bytes | None = None
        if codec is not None:  # payloads with one byte per sample are decoded many packets at a time
            samples = arrival.payload if codec.table is not None else codec.decode(arrival.payload)
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
        silence = gap * codec.rate // clock if gap > 0 else 0
        if self._wav.duration_s + (silence + len(samples)) / codec.rate > self._longest_s:
            self._full = True
            self._tell(f"the audio is cut after {self._wav.duration_s:.0f} s: it would be too long a file")
            return
        if gap > 0:
            self.missing_ms += 1000 * min(gap, self._lost * self._ticks) / clock
            self._wav.silence(silence, codec.rate)
        self._wav.write(samples, codec.rate, codec.table)
        self._lost = 0
        self._clock, self._ticks = clock, ticks
        if len(samples):
            self._next = (arrival.timestamp + ticks) & 0xFFFFFFFF
            self._at = arrival.at

    def _gap(self, arrival: _Arrival, clock: int) -> int:
        """Ticks from the end of the last audio to this timestamp; negative if the packet repeats audio."""
        pause = arrival.at - self._at - self._ticks / (self._clock or clock)
        if clock == self._clock:
            gap = ((arrival.timestamp - self._next + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            if gap >= -OVERLAP_S * clock and abs(gap / clock - pause) <= JUMP_S:
                return gap if gap <= 0 or self._lost else self._silence(gap, arrival.at, clock)
        return round(max(0.0, min(pause, self._longest_s)) * clock)

    def _silence(self, gap: int, at: float, clock: int) -> int:
        """The length of a silence of the sender in ticks, adjusted to the capture time.

        Some senders count the time of a telephone-event twice, and the clocks of sender and capture differ.
        """
        late = self.duration_s + gap / clock - (at - (self.started or 0.0))
        return gap if not abs(late) > DRIFT_S else max(0, gap - round(late * clock))

    def _decoder(self, key: tuple[str, int, int]) -> Decoder | None:
        """The stream's decoder for a codec; None without one."""
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
    """A 16-bit mono WAV, written in blocks; audio at another rate (Hz) is resampled."""

    def __init__(self, path: Path, rate: int) -> None:
        self.rate = rate
        self._path = path
        self._file = _created(path, rate, 1)
        self._pending: list[Samples] = []
        self._codes: list[bytes] = []  # pending payloads, not decoded yet
        self._table: Samples | None = None  # the sample table of the pending payloads
        self._waiting = 0  # number of pending samples
        self._source = rate  # rate of the present source in Hz
        self._count = 0  # samples of this source
        self._before_s = 0.0  # samples of earlier sources
        self._resampler: Any = None

    @property
    def duration_s(self) -> float:
        return self._before_s + self._count / self._source

    def write(self, samples: Samples | bytes, rate: int, table: Samples | None = None) -> None:
        """Append samples at a rate in Hz; ``table`` maps bytes to samples."""
        if rate != self._source:
            self._change(rate)
        if table is not self._table:
            self._decode()
            self._table = table
        if isinstance(samples, bytes):
            self._codes.append(samples)
        else:
            self._pending.append(samples)
        self._count += len(samples)
        self._waiting += len(samples)
        if self._waiting >= BLOCK:
            self._flush()

    def silence(self, count: int, rate: int) -> None:
        """Append silence at a rate in Hz."""
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

    def _decode(self) -> None:
        if self._table is not None and self._codes:
            self._pending.append(self._table.take(np.frombuffer(b"".join(self._codes), np.uint8)))
            self._codes.clear()

    def _flush(self, *, last: bool = False) -> None:
        self._decode()
        samples = np.concatenate([np.zeros(0, np.int16), *self._pending])
        self._pending.clear()
        self._waiting = 0
        if self._resampler:
            samples = self._resampler.resample_chunk(samples, last=last)
        _append(self._path, self._file, samples)


def stereo(left: str | Path, right: str | Path, offset_s: float, out: str | Path) -> None:
    """Combine two mono files in one 16-bit stereo WAV; `right` begins `offset_s` after `left`.

    With a negative offset it begins before. The higher rate of the two is the result's, the shorter one ends
    in silence. Memory does not grow with their length. Raises AudioError when a file cannot be read or
    written, or the offset is longer than a file may be.
    """
    if not abs(offset_s) <= LONGEST_S:
        raise AudioError(f"the two sides of a call cannot begin {offset_s:g} s apart; check the clocks")
    out = Path(out)
    with _opened(Path(left)) as left_file, _opened(Path(right)) as right_file:
        rate = max(left_file.samplerate, right_file.samplerate)
        length_s = abs(offset_s) + max(
            left_file.frames / left_file.samplerate, right_file.frames / right_file.samplerate
        )
        if length_s * rate > MOST_FRAMES:
            raise AudioError(f"{out}: {length_s:.0f} s of both sides are more than a WAV file can hold")
        sides = (
            _rebuffered(_side(left_file, rate, max(0.0, -offset_s))),
            _rebuffered(_side(right_file, rate, max(0.0, offset_s))),
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
    """The samples of a file at a rate, after leading silence, in pieces of any length."""
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
    """The samples in blocks that are full except the last."""
    kept: Samples = np.zeros(0, np.int16)
    for piece in pieces:
        kept = np.concatenate([kept, piece])
        while len(kept) >= BLOCK:
            yield kept[:BLOCK]
            kept = kept[BLOCK:]
    if len(kept):
        yield kept


def _resampler(source: int, target: int) -> Any:
    """A resampler for a stream of 16-bit samples; None if the rates are equal."""
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
