"""Mailbox of voice messages: a folder with a WAV and a JSON file for each message, within limits.

A message in progress has the files ``ID.part.wav`` and ``ID.part.json``; ``ID.json`` is written last
and completes the message. An ID consists of the time and a random number, never of text from a caller.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bot.errors import BotError, ConfigError, NativeError
from bot.files import NO_ROOM, make_folder, refuse_link, write_whole
from bot.harmless import harmless_json

__all__ = ["Draft", "Limits", "Mailbox", "Message"]

SCHEMA = "srtpbot.message/1"
_ID = r"[0-9]{8}T[0-9]{9}Z-[0-9a-f]{8}"
_MESSAGE = re.compile(rf"({_ID})\.json")
_PART = re.compile(rf"({_ID})\.part\.(?:json|wav)")
_OURS = re.compile(rf"\.?{_ID}\.(?:part\.)?(?:json|wav)(?:\.\w+\.new)?")
_NEW = re.compile(rf"\.{_ID}\.(?:part\.)?json\.\w+\.new")
LOCK = ".lock"
BYTES_PER_SAMPLE = 2
SHORTEST_S = 0.3
"""Shortest message in seconds; a caller who hangs up at the beep leaves no message."""
SPARE_BYTES = 50_000_000
"""Space that stays free on the disk, in bytes."""
LONGEST_FACT = 200
MOST_DIGITS = 64


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of a mailbox."""

    messages: int = 100
    """Largest number of messages."""
    bytes: int = 200_000_000
    """Largest total size of all messages, in bytes."""
    seconds: float = 120.0
    """Largest duration of a message, in seconds."""

    def __post_init__(self) -> None:
        """Raise ConfigError for an invalid limit."""
        for key, value in (("max_messages", self.messages), ("max_bytes", self.bytes)):
            if value < 1:
                raise ConfigError(f"{key}: expected 1 or more, got {value}")
        if not 1 <= self.seconds <= 3600:
            raise ConfigError(f"limit: expected 1 to 3600 seconds, got {self.seconds:g}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """JSON file of a message: caller, called user, time, duration, codec, and reason of its end."""

    schema: str = SCHEMA
    id: str = ""
    from_uri: str = msgspec.field(default="", name="from")
    to_user: str = msgspec.field(default="", name="to")
    sip_call_id: str = ""
    started: datetime | None = None
    duration_s: float | None = None
    sample_rate: int | None = None
    codec: str | None = None
    clock_rate: int | None = None
    suite: str | None = None
    """SRTP crypto suite; null for plain RTP."""
    digits: str = ""
    """DTMF digits received during the recording."""
    ended_by: str | None = None
    """``hangup``, ``#``, ``silence``, ``limit``, or ``interrupted`` when the process was killed."""


class Mailbox:
    """Folder of messages, locked by one process; not thread-safe."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder.absolute()
        self.limits = limits
        self._lock: int | None = None
        self._drafts: set[str] = set()
        self._pending: list[tuple[Message, str, str]] = []
        self.report: Callable[[BotError], None] = lambda problem: None

    def open(self, report: Callable[[BotError], None] = lambda problem: None) -> None:
        """Create and lock the folder, and complete the messages of a killed process; raises ConfigError.

        ``report`` gets later errors of the folder; calls continue after such an error.
        """
        self.report = report
        try:
            fcntl.flock(self._make(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigError(f"messages: {self.folder}: another answering machine uses it") from None
        except OSError as error:
            self.close()
            kind = NativeError if error.errno in NO_ROOM else ConfigError
            raise kind(f"messages: {self.folder}: cannot be used: {error.strerror}") from None
        self._repair()

    def _make(self) -> int:
        """Create the folder and its lock file; returns the file descriptor of the lock."""
        make_folder(self.folder)
        refuse_link(self.folder / LOCK)
        how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._lock = os.open(self.folder / LOCK, how, 0o600)
        return self._lock

    def _make_again(self) -> None:
        """Create the folder again after its removal; raises OSError."""
        if self.folder.is_dir() or self._lock is None:
            return
        os.close(self._lock)
        fcntl.flock(self._make(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Unlock the folder."""
        with contextlib.suppress(OSError):
            self._complete_pending()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def full(self, rate: int, *, limits_only: bool = False) -> str | None:
        """Reason why no message with the sample rate fits; None when one fits.

        Creates a removed folder again. ``limits_only`` ignores errors of the disk.
        """
        try:
            self._make_again()
            self._complete_pending()
            return self._at_limit(rate) or (None if limits_only else self._without_room(rate))
        except OSError as error:
            self.report(self._problem(error))
            return None if limits_only else "the mailbox cannot be used"

    def _problem(self, error: OSError) -> NativeError:
        return NativeError(f"cannot be written: {error.strerror}")

    def _at_limit(self, rate: int) -> str | None:
        limits = self.limits
        reserve = round(limits.seconds * rate * BYTES_PER_SAMPLE)
        with os.scandir(self.folder) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries if _OURS.fullmatch(entry.name)}
        count = sum(1 for name in sizes if _MESSAGE.fullmatch(name)) + len(self._drafts)
        used = sum(size for name, size in sizes.items() if ".part." not in name) + reserve * len(self._drafts)
        if count >= limits.messages:
            return f"the mailbox is full: {count} messages of at most {limits.messages}"
        if used + reserve > limits.bytes:
            return f"the mailbox is full: {used} of {limits.bytes} bytes used, a message may take {reserve}"
        return None

    def _without_room(self, rate: int) -> str | None:
        needed = SPARE_BYTES + round(self.limits.seconds * rate * BYTES_PER_SAMPLE)
        full = shutil.disk_usage(self.folder).free < needed
        return "the mailbox is full: the disk is full" if full else None

    def begin(self, facts: Message) -> Draft:
        """Start a message in a mailbox that is not ``full``; raises NativeError when this fails."""
        now = datetime.now(UTC)
        stamp = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}Z-{secrets.token_hex(4)}"
        short = {name: getattr(facts, name)[:LONGEST_FACT] for name in ("from_uri", "to_user", "sip_call_id")}
        facts = msgspec.structs.replace(facts, id=stamp, started=now, **short)
        self._drafts.add(stamp)
        try:
            self._write(self.folder / f"{stamp}.part.json", facts)
        except OSError as error:
            self._drafts.discard(stamp)
            raise self._problem(error) from None
        return Draft(self, facts)

    def messages(self) -> list[Message]:
        """All messages, oldest first."""
        try:
            files = os.listdir(self.folder)
        except OSError as error:
            self.report(self._problem(error))
            return []
        names = sorted(match[1] for file in files if (match := _MESSAGE.fullmatch(file)))
        messages = (read(self.folder / f"{name}.json") for name in names)
        return [message for message in messages if message is not None]

    def wav(self, message: Message) -> Path:
        """The audio file of a message."""
        return self.folder / f"{message.id}.wav"

    def delete(self, message: Message) -> None:
        """Delete both files of a message; missing files are no error."""
        try:
            for name in (f"{message.id}.json", f"{message.id}.wav"):
                (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            self.report(self._problem(error))

    # ---- for drafts

    def complete(self, facts: Message, digits: str, ended_by: str) -> Message | None:
        """Complete a message; None, without files, when the recording is too short.

        When the disk is full, the error is reported, and the message is completed once there is space again.
        """
        try:
            return self._completed(facts, digits, ended_by)
        except OSError as error:
            self._pending.append((facts, digits, ended_by))
            self.report(self._problem(error))
            return None

    def _complete_pending(self) -> None:
        """Complete the messages for which the disk had no space; raises OSError."""
        while self._pending:
            self._completed(*self._pending[-1])
            self._pending.pop()

    def _completed(self, facts: Message, digits: str, ended_by: str) -> Message | None:
        import soundfile

        from media.audio.riff import AudioError, repair

        self._drafts.discard(facts.id)
        part, wav = self.folder / f"{facts.id}.part.wav", self.folder / f"{facts.id}.wav"
        try:
            seconds = repair(part if part.exists() else wav)
            rate = soundfile.info(str(part if part.exists() else wav)).samplerate
        except AudioError:
            seconds, rate = 0.0, None
        made: Message | None = None
        if seconds >= SHORTEST_S:
            if part.exists():
                os.replace(part, wav)
            made = msgspec.structs.replace(
                facts,
                duration_s=round(seconds, 3),
                sample_rate=rate,
                digits=digits[:MOST_DIGITS],
                ended_by=ended_by,
            )
            self._write(self.folder / f"{facts.id}.json", made)
        else:
            for path in (part, wav):
                path.unlink(missing_ok=True)
        (self.folder / f"{facts.id}.part.json").unlink(missing_ok=True)
        return made

    def _repair(self) -> None:
        for name in sorted(os.listdir(self.folder)):
            path = self.folder / name
            if _NEW.fullmatch(name):
                path.unlink(missing_ok=True)
            elif (found := _PART.fullmatch(name)) and path.exists():
                facts = read(self.folder / f"{found[1]}.part.json") or Message()
                if (
                    self.folder / f"{found[1]}.json"
                ).exists():  # the process was killed between the last two steps
                    path.unlink()
                else:
                    facts = msgspec.structs.replace(facts, id=found[1])
                    self.complete(facts, facts.digits, "interrupted")

    def _write(self, path: Path, facts: Message) -> None:
        """Write a JSON file atomically."""
        content = msgspec.json.format(msgspec.json.encode(facts), indent=2)
        write_whole(path, harmless_json(content) + b"\n", durable=True)


class Draft:
    """Message in progress: recorded to ``path``, moved to ``kept`` when it is complete."""

    def __init__(self, mailbox: Mailbox, facts: Message) -> None:
        self._mailbox = mailbox
        self._facts = facts
        self.path = mailbox.folder / f"{facts.id}.part.wav"
        self.kept = mailbox.folder / f"{facts.id}.wav"
        self.digits = ""

    def press(self, digit: str) -> None:
        """Add a digit that the caller sent."""
        if len(self.digits) < MOST_DIGITS:
            self.digits += digit

    def finish(self, ended_by: str) -> Message | None:
        """Complete the message when the file is complete; None when the recording is too short."""
        return self._mailbox.complete(self._facts, self.digits, ended_by)


def read(path: Path) -> Message | None:
    """The message in a JSON file; None for an invalid file."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Message)
    return None
