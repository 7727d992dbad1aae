"""A message while it is being taken: its recording and its draft, which begin and end together."""

from __future__ import annotations

from typing import Self

from bot.bots.called import called_user
from bot.bots.mailbox import Draft, Mailbox, Message
from bot.call import Call, Recording
from bot.errors import BotError

__all__ = ["Taking"]


class Taking:
    """What a caller says from now on, with the digits pressed meanwhile."""

    def __init__(self, call: Call, draft: Draft, recording: Recording) -> None:
        self._call = call
        self._draft = draft
        self._recording = recording

    @classmethod
    def of(cls, call: Call, mailbox: Mailbox) -> Self:
        """Begin; raises what a call that has ended raises, and then there is no message."""
        draft = mailbox.begin(_facts_of(call))
        try:
            return cls(call, draft, call.record(draft.path))
        except BotError:
            draft.finish("hangup")
            raise

    def press(self, digit: str) -> None:
        """A digit that the caller pressed."""
        self._draft.press(digit)

    def finish(self, ended_by: str) -> None:
        """Complete the message, while the call may go on; reports name its file where it is then."""
        self._recording.stop(linger=0)
        if self._draft.finish(ended_by) is None:
            self._call.recordings.remove(self._recording)
        else:
            self._recording.path = self._draft.kept


def _facts_of(call: Call) -> Message:
    """What is known of a caller when the recording begins."""
    line = call.known.audio()
    return Message(
        from_uri=call.remote_uri,
        to_user=called_user(call),
        sip_call_id=call.known.sip_call_id,
        codec=line.codec if line else None,
        clock_rate=line.clock_rate if line else None,
        suite=line.suite if line else None,
    )
