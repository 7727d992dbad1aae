"""DTMF digits in SIP INFO requests of a capture; it handles no streams."""

from __future__ import annotations

from collections import Counter

from bot.capture.digits import Heard
from bot.capture.sip_messages import JournalMessage
from bot.sip import Message, digit_of, is_challenge

__all__ = ["InfoDigits"]

MOST = 100_000
Request = tuple[str, str | None, int]
"""Call-ID, From tag and CSeq number: identical wherever a request is seen again."""


class InfoDigits:
    """Collects the digits from the messages of a capture, in order."""

    def __init__(self) -> None:
        self._heard: dict[Request, Heard] = {}
        self._refused: Counter[int] = Counter()

    @property
    def digits(self) -> list[Heard]:
        """The digits that were not refused; a retransmitted or proxied INFO counts once."""
        return list(self._heard.values())

    @property
    def notes(self) -> list[str]:
        """A note about the number of refused digits."""
        return [
            f"{count} digit{'s' * (count != 1)} by SIP INFO refused with {status}"
            for status, count in sorted(self._refused.items())
        ]

    def feed(self, told: JournalMessage) -> None:
        """Process the next message."""
        is_request = told.text.startswith("INFO ")
        if not is_request and not (told.text.startswith("SIP/2.0 ") and " INFO" in told.text):
            return
        try:
            message = Message.parse(told.text)
        except ValueError:
            return
        if message.cseq is None or message.call_id is None:
            return
        request = message.call_id, message.from_tag, message.cseq[0]
        if is_request:
            self._request(request, told, message)
        elif message.is_failure and message.cseq_method == "INFO":
            refused = self._heard.pop(request, None)
            if refused and not is_challenge(message.status):  # after those it comes again with credentials
                self._refused[message.status] += 1

    def _request(self, request: Request, told: JournalMessage, message: Message) -> None:
        found = digit_of(message)
        if found is None or request in self._heard or len(self._heard) >= MOST:
            return
        digit, duration_ms = found
        self._heard[request] = Heard(
            digit=digit,
            method="info",
            at=told.at,
            duration_ms=duration_ms,
            call_id=message.call_id,
            ssrc=None,
            source=str(told.source),
            target=str(told.target),
        )
