"""Expectations of the audio stream: activity, direction, codec, packet counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from bot.deadline import TIMEOUT_S, Deadline
from bot.errors import ConfigError
from bot.expectations.definition import expectation
from bot.expectations.media import ANY, MediaExpectation
from bot.expectations.names import named
from bot.expectations.values import Count, StatusCode, Stream, properties
from bot.model import Codec, MediaDirection, StreamStats
from bot.sip import MessageFilter
from bot.ua import check_codec

__all__ = ["StreamExpectation"]

SETTLE_S = 0.5
"""Seconds until an answered re-INVITE must appear in the journal."""
EVENT_BYTES = 4
"""The size of a telephone-event payload (RFC 4733 2.3), in bytes."""
NO_AUDIO_BYTES = 20
"""Bytes that comfort noise (RFC 3389) may add; a 20 ms frame of any codec is larger."""
NO_EVENTS = 0
"""The value of the setting ``telephone_event``."""


class StreamExpectation(MediaExpectation):
    """Expectations of the audio stream; every ``timeout`` is in seconds."""

    @expectation(
        "media",
        parameter=None,
        value=Literal["active", "inactive"],
        fixed={"direction": ANY},
        negative="to_have_inactive_media",
        negative_value="inactive",
        description="Whether an audio stream is active.",
    )
    @expectation("direction", value=MediaDirection)
    def to_have_active_media(
        self,
        *,
        direction: str | MediaDirection = MediaDirection.SENDRECV,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """An audio stream is active in this direction, seen from this endpoint, or in ``any``."""
        if direction == ANY:
            self._activity(True, timeout)
            return
        wanted = named(MediaDirection, direction, "direction")
        inactive = wanted is MediaDirection.INACTIVE

        def right() -> bool:
            lines = [line for line in self._facts.media if line.type == "audio"]
            return any(line.direction is wanted and line.active is not inactive for line in lines)

        self._await(
            "has active media", f"audio, {wanted}", self._media, right, timeout=timeout, hopeless=self._ended
        )

    def to_have_inactive_media(self, *, timeout: float = TIMEOUT_S) -> None:
        """There is an audio stream, and none is active."""
        self._activity(False, timeout)

    def _activity(self, active: bool, timeout: float) -> None:
        """Wait until an audio stream is active; or until one exists and none is active."""

        def right() -> bool:
            lines = [line.active for line in self._facts.media if line.type == "audio"]
            return any(lines) if active else bool(lines) and not any(lines)

        word = "active" if active else "inactive"
        self._await(
            f"has {word} media", f"audio, {word}", self._media, right, timeout=timeout, hopeless=self._ended
        )

    @expectation("no_media")
    def not_to_have_active_media(self, *, during: float = 0.0) -> None:
        """No stream was active, or is active in the next ``during`` seconds."""
        self._absent(
            "has no media", "no active media", lambda: bool(self._facts.last_active), self._media, during
        )

    @expectation("no_media_before")
    def not_to_have_media_before(self, code: StatusCode, *, timeout: float = TIMEOUT_S) -> None:
        """A response to the INVITE with this status code came, and no media was active before it."""
        kind = MessageFilter(f"{code} INVITE")

        def response_at() -> float | None:
            return next((traced.at for traced in self._facts.messages if kind.fits(traced.message)), None)

        def active_at() -> float | None:
            history = self._facts.media_history
            return next((at for at, lines in history if any(line.active for line in lines)), None)

        def over() -> bool:
            return response_at() is not None or self._ended() is not None

        came = self._endpoint.wait_until(over, Deadline(timeout))
        at, since = response_at(), active_at()
        late = None if at is None or since is None else 1000 * (since - at)
        if at is None:
            observed = f"no {code} came, {self._state()}"
        elif late is None:
            observed = "no media was active"
        else:
            observed = f"media {abs(late):.1f} ms {'after' if late >= 0 else 'before'} the {code}"
        passed = at is not None and (late is None or late >= 0)
        why = "" if came else f"waited {timeout:g} s"
        self._decide(f"has no media before {code}", passed, f"no media before {code}", observed, why=why)

    @expectation(
        "codec",
        check=lambda name: check_codec("codec", name),
        check_needs_build=True,
        option="--expect-codec",
        metavar="NAME",
    )
    def to_use_codec(self, name: str, *, timeout: float = TIMEOUT_S) -> None:
        """The audio stream uses this codec, for instance ``PCMA`` or ``speex/16000``."""

        def right() -> bool:
            line = self._facts.audio()
            if line is None:
                return False
            return Codec(line.codec or "", line.clock_rate or 0, line.channels or 1).answers_to(name)

        def wrong() -> str | None:
            line = self._facts.audio()
            return f"the codec is {line.codec}/{line.clock_rate}" if line else self._ended()

        # The journal of this endpoint may not contain an answered re-INVITE yet.
        self._call.endpoint.wait_until(
            lambda: right() or self._facts.ended is not None, Deadline(min(timeout, SETTLE_S))
        )
        self._await("uses codec", name, self._codec, right, timeout=timeout, hopeless=wrong)

    @expectation("min_packets")
    def to_have_received_packets(self, *, at_least: Count = 1, timeout: float = TIMEOUT_S) -> None:
        """At least this many RTP packets were received, as the library counts them."""
        self._count("has received packets", lambda stats: stats.rx.packets, at_least, timeout)

    def to_have_sent_packets(self, *, at_least: int = 1, timeout: float = TIMEOUT_S) -> None:
        """At least this many RTP packets were sent, as the library counts them."""
        self._count("has sent packets", lambda stats: stats.tx.packets, at_least, timeout)

    def _count(self, name: str, count: Callable[[StreamStats], int], at_least: int, timeout: float) -> None:
        """Measure repeatedly until there are enough packets."""
        enough = self._measure_until(lambda line, stats: count(stats) >= at_least, timeout)
        why = "" if enough else (self._ended() or f"waited {timeout:g} s")
        line = self._facts.audio()
        stats = self._facts.stats(line.index) if line else None
        packets = count(stats) if stats else 0
        observed = f"{packets} packets" if enough else f"{packets} packets{self._refusals()}"
        self._decide(name, enough, f"at least {at_least} RTP packets", observed, why=why)

    @expectation("stream", parameter=None, value=Stream, each=properties)
    def to_have_stream(
        self,
        *,
        ptime_ms: int | None = None,
        payload_type: int | None = None,
        telephone_event: int | None = None,
        rtcp_mux: bool | None = None,
        channels: int | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        """The audio stream that this side sends has these properties.

        ``ptime_ms`` is how long a packet lasts; ``telephone_event`` is the payload type of telephone-events
        (RFC 4733), 0 when none can be sent. Raises ConfigError when no property is given.
        """
        properties = {
            "ptime_ms": ptime_ms,
            "payload_type": payload_type,
            "telephone_event": telephone_event,
            "rtcp_mux": rtcp_mux,
            "channels": channels,
        }
        wanted = {name: value for name, value in properties.items() if value is not None}
        if not wanted:
            raise ConfigError(f"no expectation of the stream; give at least one of {', '.join(properties)}")

        def facts() -> dict[str, int | bool | None] | None:
            line = self._facts.audio()
            if line is None:
                return None
            there: dict[str, int | bool | None] = {name: getattr(line, name) for name in properties}
            return there | {"telephone_event": line.telephone_event or NO_EVENTS}

        def right() -> bool:
            there = facts()
            return there is not None and all(there[name] == value for name, value in wanted.items())

        def observed() -> str:
            there = facts()
            return ", ".join(f"{name} {there[name]}" for name in wanted) if there else "no audio stream"

        self._await(
            "has a stream",
            ", ".join(f"{name} {value}" for name, value in wanted.items()),
            observed,
            right,
            timeout=timeout,
            hopeless=self._ended,
        )

    @expectation("no_audio")
    def not_to_have_received_audio(self, *, during: float = 0.0) -> None:
        """No audio was received, or is received in the next ``during`` seconds or until the end of the call.

        Telephone-events (RFC 4733) are not audio.
        """
        self._endpoint.wait_until(lambda: self._facts.ended is not None, Deadline(during))
        self._call.measure()
        line = self._facts.audio()
        stats = self._facts.stats(line.index) if line is not None else None
        packets = stats.rx.packets if stats is not None else 0
        audio = stats.rx.bytes - EVENT_BYTES * packets if stats is not None else 0
        observed = f"{packets} RTP packets" if audio >= NO_AUDIO_BYTES else "no audio"
        self._decide("has received no audio", audio < NO_AUDIO_BYTES, "no audio", observed)

    def _codec(self) -> str:
        line = self._facts.audio()
        return f"{line.codec}/{line.clock_rate}" if line else f"no media, {self._state()}"
