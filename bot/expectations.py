"""Assertions that wait, fail as soon as they can no longer come true, and explain themselves.

``expect(call)`` and ``expect(recording)`` pick the assertions by type. Each verdict goes to the
journal, so that a report has those that passed too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, overload

from .call import Call, Recording
from .deadline import TIMEOUT_S, Deadline
from .endpoint import Endpoint
from .endpoint_expectations import EndpointExpectation
from .errors import ConfigError
from .messages_seen import MessagesSeen
from .model import CallState, Codec, CryptoSuite, Direction, DtmfMethod, EndedBy, MediaDirection, StreamStats
from .path_expectations import PathExpectation
from .record import Digit
from .recording_expectations import SoundExpectation
from .setup_expectations import SetupExpectation
from .stream_expectations import StreamExpectation
from .transfers import Asked, Followed, Replaced

__all__ = ["CallExpectation", "RecordingExpectation", "expect"]

Kind = TypeVar("Kind", bound=StrEnum)

MEASURE_EVERY_S = 0.1
SETTLE_S = 0.5


@overload
def expect(subject: Call) -> CallExpectation: ...
@overload
def expect(subject: Recording) -> RecordingExpectation: ...
@overload
def expect(subject: Endpoint) -> EndpointExpectation: ...
def expect(
    subject: Call | Recording | Endpoint,
) -> CallExpectation | RecordingExpectation | EndpointExpectation:
    """The assertions for a call, for a recording, or for an endpoint outside of its calls."""
    if isinstance(subject, Call):
        return CallExpectation(subject)
    if isinstance(subject, Recording):
        return RecordingExpectation(subject)
    if isinstance(subject, Endpoint):
        return EndpointExpectation(subject)
    raise TypeError(f"expect() takes a Call, a Recording or an Endpoint, not {type(subject).__name__}")


class CallExpectation(PathExpectation, SetupExpectation, StreamExpectation):
    """What can be expected of a call; every ``timeout`` is in seconds."""

    # ---- states

    def to_be_ringing(self, *, timeout: float = TIMEOUT_S) -> None:
        """The call has been, or gets, in the EARLY state by a 18x response."""
        self._reach("is ringing", "EARLY", (CallState.EARLY,), timeout)

    def to_be_confirmed(self, *, timeout: float = TIMEOUT_S) -> None:
        """The call has been, or gets, answered with 200 and acknowledged."""
        self._reach("is confirmed", "CONFIRMED", (CallState.CONFIRMED,), timeout)

    def to_be_disconnected(
        self, *, code: int | None = None, by: str | EndedBy | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """The call has ended, or ends, with this status code and by this side."""
        party = named(EndedBy, by, "by") if by is not None else None
        known = self._known

        def right() -> bool:
            end = known.ended
            return end is not None and code in {None, end.code} and party in {None, known.ended_by}

        expected = " ".join(
            ["DISCONNECTED", *([str(code)] if code is not None else []), *([f"by {party}"] if party else [])]
        )
        self._await("is disconnected", expected, self._state, right, timeout=timeout, hopeless=self._ended)

    def _reach(self, name: str, expected: str, states: tuple[CallState, ...], timeout: float) -> None:
        known = self._known
        self._await(
            name,
            expected,
            self._state,
            lambda: known.reached(*states) is not None,
            timeout=timeout,
            hopeless=self._ended,
        )

    # ---- transfers

    def to_have_transferred(self, *, code: int = 200, timeout: float = TIMEOUT_S) -> None:
        """The peer was asked to call somebody else, and what it says of that comes to this status code.

        A REFER that the peer refused comes to the code of the refusal.
        """
        asked = Asked(self._call, code)
        self._await(
            "has transferred its peer",
            str(code),
            asked.observed,
            asked.holds,
            timeout=timeout,
            hopeless=asked.hopeless,
        )

    def to_have_been_transferred(self, *, to: str | None = None, timeout: float = TIMEOUT_S) -> None:
        """The peer had this endpoint call somebody else, who answered; ``to`` is sought in the URI.

        ``call.transferred_to`` is the call that was made. Raises ConfigError for a bad regular expression.
        """
        followed = Followed(self._call, compiled(to) if to is not None else None)
        self._await(
            "has been transferred",
            f"an answered call to /{to or ''}/",
            followed.observed,
            followed.holds,
            timeout=timeout,
            hopeless=followed.hopeless,
        )

    def to_have_been_replaced(self, *, timeout: float = TIMEOUT_S) -> None:
        """Another call took the place of this one (RFC 3891), which ended; it is ``call.replaced_by``."""
        replaced = Replaced(self._call)
        self._await(
            "has been replaced",
            "an answered call in its place, and its own end",
            replaced.observed,
            replaced.holds,
            timeout=timeout,
            hopeless=replaced.hopeless,
        )

    # ---- media

    def to_have_active_media(
        self,
        *,
        direction: str | MediaDirection = MediaDirection.SENDRECV,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """An audio stream runs in this direction, seen from this endpoint."""
        wanted = named(MediaDirection, direction, "direction")
        inactive = wanted is MediaDirection.INACTIVE

        def right() -> bool:
            lines = [line for line in self._known.media if line.type == "audio"]
            return any(line.direction is wanted and line.active is not inactive for line in lines)

        self._await(
            "has active media", f"audio, {wanted}", self._media, right, timeout=timeout, hopeless=self._ended
        )

    def to_use_codec(self, name: str, *, timeout: float = TIMEOUT_S) -> None:
        """The audio stream uses this codec, for instance ``PCMA`` or ``speex/16000``."""

        def right() -> bool:
            line = self._known.audio()
            if line is None:
                return False
            return Codec(line.codec or "", line.clock_rate or 0, line.channels or 1).answers_to(name)

        def wrong() -> str | None:
            line = self._known.audio()
            return f"the codec is {line.codec}/{line.clock_rate}" if line else self._ended()

        # A re-INVITE that the peer has answered may still be on its way into this endpoint's journal.
        self._call.host.wait_until(
            lambda: right() or self._known.ended is not None, Deadline(min(timeout, SETTLE_S))
        )
        self._await("uses codec", name, self._codec, right, timeout=timeout, hopeless=wrong)

    def to_have_received_packets(self, *, at_least: int = 1, timeout: float = TIMEOUT_S) -> None:
        """RTP packets arrived, by the library's own count."""
        self._count("has received packets", lambda stats: stats.rx.packets, at_least, timeout)

    def to_have_sent_packets(self, *, at_least: int = 1, timeout: float = TIMEOUT_S) -> None:
        """RTP packets were sent, by the library's own count."""
        self._count("has sent packets", lambda stats: stats.tx.packets, at_least, timeout)

    def _count(self, name: str, count: Callable[[StreamStats], int], at_least: int, timeout: float) -> None:
        """Measure until there are enough; the library counts and tells nobody."""

        def packets() -> int:
            line = self._known.audio()
            stats = self._known.stats(line.index) if line else None
            return count(stats) if stats else 0

        deadline = Deadline(timeout)
        self._call.measure()
        while packets() < at_least and self._known.ended is None and not deadline.passed:
            step = Deadline(min(MEASURE_EVERY_S, deadline.left))
            self._call.host.wait_until(lambda: self._known.ended is not None, step)
            self._call.measure()
        enough = packets() >= at_least
        why = "" if enough else (self._ended() or f"waited {timeout:g} s")
        self._decide(name, enough, f"at least {at_least} RTP packets", f"{packets()} packets", why=why)

    # ---- SRTP

    def to_be_encrypted(self, suite: str | CryptoSuite | None = None, *, timeout: float = TIMEOUT_S) -> None:
        """The audio stream runs SRTP, with this suite, and offer, answer and library agree on it."""
        wanted = suite_named(suite)

        def right() -> bool:
            line = self._known.audio()
            if line is None or line.suite is None or self._known.suite_disagreement(line):
                return False
            return wanted in {None, line.suite}

        def wrong() -> str | None:
            line = self._known.audio()
            if line is None or not self._known.settled:
                return self._ended()
            disagreement = self._known.suite_disagreement(line)
            return disagreement or f"the stream runs {line.suite or 'plain RTP'}"

        self._await("is encrypted", wanted or "SRTP", self._suite, right, timeout=timeout, hopeless=wrong)

    def not_to_be_encrypted(self, *, timeout: float = TIMEOUT_S) -> None:
        """The audio stream runs plain RTP."""

        def right() -> bool:
            line = self._known.audio()
            return line is not None and line.suite is None

        def wrong() -> str | None:
            line = self._known.audio()
            return f"the stream runs {line.suite}" if line is not None else self._ended()

        self._await("is not encrypted", "plain RTP", self._suite, right, timeout=timeout, hopeless=wrong)

    # ---- DTMF

    def to_have_received_dtmf(
        self, digits: str, *, method: str | DtmfMethod | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """Exactly these digits arrived, in this order, by this method.

        In-band digits are judged apart from those that were signalled, since many peers send both; without
        a method they count only where none was signalled. Raises ConfigError when in-band digits are asked
        for and nobody listens for them.
        """
        wanted = named(DtmfMethod, method, "method") if method is not None else None
        known = self._known
        if wanted is DtmfMethod.INBAND and not known.listens:
            raise ConfigError(f"{self._call} does not listen for in-band digits; call.listen() first")

        def received() -> list[Digit]:
            inband = [one for one in known.received if one.method is DtmfMethod.INBAND]
            signalled = [one for one in known.received if one.method is not DtmfMethod.INBAND]
            return inband if wanted is DtmfMethod.INBAND or not (wanted or signalled) else signalled

        def arrived() -> str:
            return "".join(one.digit for one in received())

        def right() -> bool:
            return arrived() == digits and all(wanted in {None, one.method} for one in received())

        def wrong() -> str | None:
            if not digits.startswith(arrived()):
                return "other digits arrived"
            if wanted is not None and any(one.method is not wanted for one in received()):
                return "a digit came by another method"
            return self._ended()

        by = f" by {wanted}" if wanted else ""
        self._await(
            "has received DTMF", f"{digits!r}{by}", self._digits, right, timeout=timeout, hopeless=wrong
        )

    def not_to_have_received_dtmf(self) -> None:
        """No digit has arrived until now, in a call that is or was up and could have brought one."""
        decided = (CallState.CONFIRMED, CallState.DISCONNECTED)
        self._call.host.wait_until(lambda: self._known.reached(*decided) is not None, Deadline(TIMEOUT_S))
        was_up = self._known.reached(CallState.CONFIRMED) is not None
        observed = self._digits() if was_up else f"never confirmed, {self._state()}"
        self._decide("has received no DTMF", was_up and not self._known.received, "no digits", observed)

    # ---- headers

    def to_have_header(
        self,
        name: str,
        value: str | None = None,
        *,
        matching: str | None = None,
        on: str | None = None,
        sent: bool = False,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """A message received in the call, or ``sent``, has this header, with this value or a match.

        ``on`` says in which: ``INVITE``, ``183``, ``200 BYE``; without it any message will do, and a callee
        does not wait for later ones than there are.
        """
        pattern = compiled(matching) if matching is not None else None
        seen = MessagesSeen(self._known, on, sent=sent)

        def right() -> bool:
            return any(
                (value is None or found == value) and (pattern is None or pattern.search(found))
                for found in seen.values(name)
            )

        def wrong() -> str | None:
            arrived = not on and self._known.direction is Direction.INCOMING and self._known.messages
            if arrived:
                return "the INVITE is here, and later requests are not waited for"
            return seen.no_more(self._ended())

        wanted = value if value is not None else f"/{matching}/" if matching is not None else "any value"
        self._await(
            f"has header in {seen}",
            f"{name}: {wanted}",
            lambda: seen.described(name),
            right,
            timeout=timeout,
            hopeless=wrong,
        )

    def not_to_have_header(
        self,
        name: str,
        *,
        matching: str | None = None,
        on: str | None = None,
        sent: bool = False,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """Such messages there are, and none of them has that header, or none that matches."""
        pattern = compiled(matching) if matching is not None else re.compile("")
        seen = MessagesSeen(self._known, on, sent=sent)
        self._call.host.wait_until(
            lambda: seen.is_there or seen.no_more(self._ended()) is not None,
            Deadline(timeout),
        )
        absent = not any(pattern.search(found) for found in seen.values(name))
        which = f" like /{matching}/" if matching is not None else ""
        self._decide(
            f"has no header {name} in {seen}",
            seen.is_there and absent,
            f"no {name}{which}",
            seen.described(name),
        )

    def to_have_received_request(
        self, method: str, *, matching: str | None = None, timeout: float = TIMEOUT_S
    ) -> None:
        """A request of this method arrived in the call, for instance INFO, with a match in its body."""
        pattern = compiled(matching or "")

        def received() -> list[str]:
            messages = (traced.message for traced in self._known.messages if not traced.sent)
            return [message.body for message in messages if message.method == method]

        self._await(
            "has received request",
            f"{method} with /{matching}/" if matching is not None else method,
            lambda: "; ".join(map(repr, received())) or f"no {method}",
            lambda: any(pattern.search(one) for one in received()),
            timeout=timeout,
            hopeless=self._ended,
        )

    # ---- observed

    def _media(self) -> str:
        lines = [
            f"{one.type} {'active' if one.active else 'inactive'}, {one.direction}"
            for one in self._call.media
        ]
        return "; ".join(lines) or f"no media, {self._state()}"

    def _codec(self) -> str:
        line = self._known.audio()
        return f"{line.codec}/{line.clock_rate}" if line else f"no media, {self._state()}"

    def _suite(self) -> str:
        line = self._known.audio()
        if line is None:
            return f"no media, {self._state()}"
        crypto = self._known.crypto(line.index)
        offered = ", ".join(crypto.offered) or "nothing"
        disagreement = self._known.suite_disagreement(line)
        return f"{line.suite or 'plain RTP'} (offered {offered}; answered {crypto.answered or 'nothing'})" + (
            f"; {disagreement}" if disagreement else ""
        )

    def _digits(self) -> str:
        received = self._known.received
        methods = ", ".join(dict.fromkeys(digit.method for digit in received))
        return f"{self._known.digits!r} by {methods}" if received else "no digits"


class RecordingExpectation(SoundExpectation):
    """What can be expected of a recording; ``SoundExpectation`` has what needs no reference."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.call)
        self._recording = recording

    def to_match(
        self,
        reference: str | os.PathLike[str],
        *,
        timeout: float = TIMEOUT_S,
        ignore: Sequence[tuple[float, float]] = (),
        max_missing_ms: float | None = None,
        min_snr_db: float | None = None,
        codec: str | None = None,
        sent: str | os.PathLike[str] | None = None,
    ) -> None:
        """The recording holds the reference: the right audio, whole, at a sane level.

        ``ignore`` are stretches of the reference in seconds, from and to, which need not have
        arrived, for instance those that digits replaced; ``max_missing_ms`` is what else may lack, and
        how much the receiver may have concealed. ``codec`` is the worst that the audio passed, when
        that is not the call's own. ``sent`` is what this side played from the recording's start, which
        must not come back.
        """
        from media.compare import Options, compare
        from media.wav import AudioError, read

        chosen: dict[str, Any] = {"ignore": tuple(ignore), "min_snr_db": min_snr_db}
        if max_missing_ms is not None:
            chosen["max_missing_ms"] = max_missing_ms
        line = self._known.audio()
        if line is not None:
            chosen["codec"] = f"{line.codec}/{line.clock_rate}"
            chosen["packet_ms"] = float(line.ptime_ms or 20)
        if codec is not None:
            chosen["codec"] = codec
        try:
            wanted = read(Path(reference))
            mine = read(Path(sent)) if sent is not None else None
        except AudioError as error:
            raise ConfigError(str(error)) from None
        name, expected = "recording matches", f"the audio of {reference}"
        try:
            heard = read(self._recording.wait(timeout).path)
        except AudioError as error:
            self._decide(name, False, expected, f"no audio: {error}")
            return
        try:
            comparison = compare(wanted, heard, options=Options(**chosen), sent=mine)
        except AudioError as error:
            raise ConfigError(f"{reference}: {error}") from None
        self._known.comparison = comparison
        self._known.compared = Path(reference), self._recording.path
        self._decide(name, comparison.matched, expected, described(comparison))


def described(comparison: Any) -> str:
    """The comparison's figures in one line."""
    figures = [
        "matched" if comparison.matched else "; ".join(comparison.reasons),
        *(f"delay {value:.0f} ms" for value in some(comparison.delay_ms)),
        *(f"SNR {value:.1f} dB" for value in some(comparison.snr_db)),
        *(f"correlation {value:.3f}" for value in some(comparison.correlation)),
        *(f"missing {value:.0f} ms" for value in some(comparison.missing_ms)),
        *(f"of that {value:.0f} ms concealed" for value in some(comparison.concealed_ms) if value),
    ]
    return ", ".join(figures)


def some(value: float | None) -> Iterator[float]:
    """The value, if there is one."""
    if value is not None:
        yield value


def suite_named(suite: str | CryptoSuite | None) -> CryptoSuite | None:
    """A suite by its RFC name; raises ConfigError for another."""
    return named(CryptoSuite, suite, "crypto suite") if suite is not None else None


def named(kind: type[Kind], name: str, what: str) -> Kind:
    """The one of its kind that has this name; raises ConfigError for another."""
    try:
        return kind(name)
    except ValueError:
        raise ConfigError(f"{what} {name!r} is unknown; expected one of {', '.join(kind)}") from None


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression; raises ConfigError when it is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{pattern!r} is not a regular expression: {error}") from None
