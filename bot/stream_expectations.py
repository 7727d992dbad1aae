"""What can be expected of how a call's audio is packed: ptime, payload types, channels, RTCP's port.

It must not know how a verdict is waited for and written down: ``deciding`` does.
"""

from __future__ import annotations

from .deadline import TIMEOUT_S
from .deciding import Deciding
from .errors import ConfigError

__all__ = ["StreamExpectation"]

NO_EVENTS = 0
"""As the setting ``telephone_event`` says it."""


class StreamExpectation(Deciding):
    """What can be expected of the audio stream; timeouts are in seconds."""

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
        """The audio stream that this side sends is like that, as far as it is said.

        ``telephone_event`` is the payload type of telephone-events (RFC 4733), 0 when none can be sent.
        Raises ConfigError when nothing is said.
        """
        said = {
            "ptime_ms": ptime_ms,
            "payload_type": payload_type,
            "telephone_event": telephone_event,
            "rtcp_mux": rtcp_mux,
            "channels": channels,
        }
        wanted = {name: value for name, value in said.items() if value is not None}
        if not wanted:
            raise ConfigError(f"nothing is expected of the stream; say one of {', '.join(said)}")

        def facts() -> dict[str, int | bool | None] | None:
            line = self._known.audio()
            if line is None:
                return None
            there: dict[str, int | bool | None] = {name: getattr(line, name) for name in said}
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
