"""Recorder of one message: the recording and the draft in the mailbox start and end together."""

from __future__ import annotations

from typing import Self

from bot.bots.base import called_user
from bot.bots.voicemail.mailbox import Draft, Mailbox, Message
from bot.errors import BotError, ConfigError, NativeError
from bot.ua import Call, Recording

__all__ = ["Taking"]


class Taking:
    """Message in progress: the recording of the caller, and the digits received during the recording."""

    def __init__(self, call: Call, draft: Draft, recording: Recording) -> None:
        self._call = call
        self._draft = draft
        self._recording = recording

    @classmethod
    def of(cls, call: Call, mailbox: Mailbox) -> Self | None:
        """Start a message; None when the recording fails: the mailbox reports the error.

        Raises CallEnded, without a message, when the call has ended.
        """
        try:
            draft = mailbox.begin(_facts_of(call))
        except NativeError as error:
            mailbox.report(error)
            return None
        try:
            return cls(call, draft, call.record(draft.path))
        except (ConfigError, NativeError) as error:
            draft.finish("hangup")
            mailbox.report(error)
            return None
        except BotError:
            draft.finish("hangup")
            raise

    def press(self, digit: str) -> None:
        """Add a digit that the caller sent."""
        self._draft.press(digit)

    def finish(self, ended_by: str) -> None:
        """Complete the message; the call may continue. The reports get the final path of the recording."""
        self._recording.stop(linger=0)
        if self._draft.finish(ended_by) is None:
            self._call.recordings.remove(self._recording)
        else:
            self._recording.path = self._draft.kept


def _facts_of(call: Call) -> Message:
    """Caller, called user and codec of a new message."""
    line = call.facts.audio()
    return Message(
        from_uri=call.remote_uri,
        to_user=called_user(call),
        sip_call_id=call.facts.sip_call_id,
        codec=line.codec if line else None,
        clock_rate=line.clock_rate if line else None,
        suite=line.suite if line else None,
    )
