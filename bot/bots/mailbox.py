"""A folder of spoken messages: each a WAV and a JSON beside it, within limits, and whole after a kill.

A message that is being recorded is ``ID.part.wav`` and ``ID.part.json``; it exists once ``ID.json`` does,
which is written last. An ID is a time and chance: nothing that a caller says becomes part of a name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bot.errors import ConfigError

__all__ = ["Draft", "Limits", "Mailbox", "Message"]

SCHEMA = "srtpbot.message/1"
_ID = r"[0-9]{8}T[0-9]{9}Z-[0-9a-f]{8}"
_MESSAGE = re.compile(rf"({_ID})\.json")
_PART = re.compile(rf"({_ID})\.part\.(?:json|wav)")
_OURS = re.compile(rf"\.?{_ID}\.(?:part\.)?(?:json|wav)(?:\.new)?")
_NEW = re.compile(rf"\.{_ID}\.(?:part\.)?json\.new")
LOCK = ".lock"
BYTES_PER_SAMPLE = 2
SHORTEST_S = 0.3
"""What is shorter is no message: the caller hung up at the beep."""
SPARE_BYTES = 50_000_000
"""What stays free on the disk."""
LONGEST_FACT = 200
MOST_DIGITS = 64


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much strangers may leave: messages, bytes of all of them, seconds of each."""

    messages: int = 100
    bytes: int = 200_000_000
    seconds: float = 120.0

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for key, value in (("max_messages", self.messages), ("max_bytes", self.bytes)):
            if value < 1:
                raise ConfigError(f"{key}: expected 1 or more, got {value}")
        if not 1 <= self.seconds <= 3600:
            raise ConfigError(f"limit: expected 1 to 3600 seconds, got {self.seconds:g}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON beside a WAV: who called whom, when, how long, over what, and how it ended."""

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
    """The crypto suite of SRTP; null for plain RTP."""
    digits: str = ""
    """Those pressed while it was recorded."""
    ended_by: str | None = None
    """``hangup``, ``#``, ``silence``, ``limit``, or ``interrupted`` when the bot was killed meanwhile."""


class Mailbox:
    """Opened by one process at a time; not for several threads at once."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder.absolute()
        self.limits = limits
        self._lock: int | None = None
        self._drafts: set[str] = set()

    def open(self) -> None:
        """Make the folder, take it, and complete what a killed process left; raises ConfigError."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigError(f"messages: {self.folder}: another answering machine uses it") from None
        except OSError as error:
            self.close()
            raise ConfigError(f"messages: {self.folder}: cannot be used: {error.strerror}") from None
        self._repair()

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def full(self, rate: int) -> str | None:
        """Why one more message at that sample rate is not taken, in words; None when it is."""
        limits = self.limits
        reserve = round(limits.seconds * rate * BYTES_PER_SAMPLE)
        with os.scandir(self.folder) as entries:
            ours = {one.name: one.stat().st_size for one in entries if _OURS.fullmatch(one.name)}
        count = sum(1 for name in ours if _MESSAGE.fullmatch(name)) + len(self._drafts)
        used = sum(size for name, size in ours.items() if ".part." not in name) + reserve * len(self._drafts)
        if count >= limits.messages:
            return f"the mailbox is full: {count} messages of at most {limits.messages}"
        if used + reserve > limits.bytes:
            return f"the mailbox is full: {used} of {limits.bytes} bytes used, a message may take {reserve}"
        if shutil.disk_usage(self.folder).free < SPARE_BYTES + reserve:
            return "the mailbox is full: the disk is"
        return None

    def begin(self, facts: Message) -> Draft:
        """A place to record to; only when it is not ``full``."""
        now = datetime.now(UTC)
        stamp = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}Z-{secrets.token_hex(4)}"
        short = {name: getattr(facts, name)[:LONGEST_FACT] for name in ("from_uri", "to_user", "sip_call_id")}
        facts = msgspec.structs.replace(facts, id=stamp, started=now, **short)
        self._drafts.add(stamp)
        try:
            self._write(self.folder / f"{stamp}.part.json", facts)
        except OSError:
            self._drafts.discard(stamp)
            raise
        return Draft(self, facts)

    def messages(self) -> list[Message]:
        """Every message, oldest first."""
        names = sorted(found[1] for one in os.listdir(self.folder) if (found := _MESSAGE.fullmatch(one)))
        facts = (read(self.folder / f"{name}.json") for name in names)
        return [one for one in facts if one is not None]

    def wav(self, message: Message) -> Path:
        """What was said."""
        return self.folder / f"{message.id}.wav"

    def delete(self, message: Message) -> None:
        """Remove both files; no error when they are gone."""
        for name in (f"{message.id}.json", f"{message.id}.wav"):
            (self.folder / name).unlink(missing_ok=True)

    # ---- for drafts

    def complete(self, facts: Message, digits: str, ended_by: str) -> Message | None:
        """Make a message of what was recorded; None, and no file, when it is too short to be one."""
        import soundfile

        from media.riff import AudioError, repair

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
                if (self.folder / f"{found[1]}.json").exists():  # it was killed between the last two steps
                    path.unlink()
                else:
                    facts = msgspec.structs.replace(facts, id=found[1])
                    self.complete(facts, facts.digits, "interrupted")

    def _write(self, path: Path, facts: Message) -> None:
        """Whole or not at all."""
        draft = path.with_name(f".{path.name}.new")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)


class Draft:
    """A message that is being recorded to ``path``; once finished it is in ``kept``."""

    def __init__(self, mailbox: Mailbox, facts: Message) -> None:
        self._mailbox = mailbox
        self._facts = facts
        self.path = mailbox.folder / f"{facts.id}.part.wav"
        self.kept = mailbox.folder / f"{facts.id}.wav"
        self.digits = ""

    def press(self, digit: str) -> None:
        """The caller pressed a key meanwhile."""
        if len(self.digits) < MOST_DIGITS:
            self.digits += digit

    def finish(self, ended_by: str) -> Message | None:
        """Once the file is whole: the message, or None when nothing was said into it."""
        return self._mailbox.complete(self._facts, self.digits, ended_by)


def read(path: Path) -> Message | None:
    """The facts in a JSON file; None when it holds none."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Message)
    return None
