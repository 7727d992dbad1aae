"""Message retrieval by the owner of an answering machine: PIN, then playback and deletion by DTMF."""

from __future__ import annotations

from bot.audio_files import audio_file
from bot.bots.dialogue import Talk, Talking
from bot.bots.voicemail.mailbox import Mailbox, Message
from bot.bots.voicemail.pin import LONGEST, Pin
from bot.errors import ConfigError
from bot.ua import Call

__all__ = ["Owner"]

ASK = "tone:440:0.2"
RIGHT = "tone:440:0.1,tone:660:0.1,tone:880:0.2"
WRONG = "tone:220:0.5"
NO_MORE = "tone:880:0.15,tone:660:0.15,tone:440:0.15"
DELETED = "tone:660:0.1,silence:0.05,tone:660:0.1"
GOODBYE = "tone:880:0.2,tone:440:0.2"
TRIES = 3
IDLE_S = 15.0


class Owner(Talk):
    """Dialogue with the owner: PIN and ``#``; then 1 next message, 2 repeat, 3 delete, 9 end of the call.

    Tones confirm the keys: three rising tones for the correct PIN, a low tone for an error, three falling
    tones when there is no further message. The third wrong PIN ends the call.
    """

    def __init__(self, bot: Talking, call: Call, mailbox: Mailbox, pin: Pin) -> None:
        super().__init__(bot, call)
        self._mailbox = mailbox
        self._pin = pin
        self._dialled = ""
        self._tries = 0
        self._left: list[Message] | None = None
        self._current: Message | None = None

    def begin(self) -> None:
        self._tell(ASK)

    def digit(self, digit: str) -> None:
        self.never("idle")
        if self._left is None:
            self._dial(digit)
        elif digit == "1":
            self._current = self._left.pop(0) if self._left else None
            self._play()
        elif digit == "2":
            self._play()
        elif digit == "3" and self._current is not None:
            self._mailbox.delete(self._current)
            self._current = None
            self._tell(DELETED)
        elif digit == "9":
            self.say(audio_file(GOODBYE), self.hang_up)
        else:
            self._tell(WRONG)

    def _dial(self, digit: str) -> None:
        if digit != "#" and len(self._dialled) < LONGEST:
            self._dialled += digit
            self._wait()
            return
        dialled, self._dialled = self._dialled, ""
        if digit == "#" and self._pin.accepts(dialled):
            self._left = self._mailbox.messages()
            self.call.secret_digits = False
            self._tell(RIGHT)
        else:
            self._tries += 1
            if self._tries < TRIES:
                self._tell(WRONG)
            else:
                self.say(audio_file(WRONG), self.hang_up)

    def _play(self) -> None:
        if self._current is None:
            self._tell(NO_MORE)
            return
        try:
            self.say(self._mailbox.wav(self._current), self._wait, private=True)
            self.later("idle", IDLE_S + (self._current.duration_s or 0), self.hang_up)
        except ConfigError:  # another call has deleted it
            self._tell(NO_MORE)

    def _tell(self, tones: str) -> None:
        self._wait()  # first, in case the playback never ends
        self.say(audio_file(tones), self._wait)

    def _wait(self) -> None:
        self.later("idle", IDLE_S, self.hang_up)
