"""The types of values in expectations, with their limits and units for scenarios and options."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bot.config import SettingError
from bot.sip import KIND_PATTERN

__all__ = [
    "Answerer",
    "AudioSource",
    "Count",
    "Decibels",
    "DigitMilliseconds",
    "JitterMilliseconds",
    "Level",
    "Mailbox",
    "MarkerNumber",
    "MessageSelection",
    "Milliseconds",
    "Mos",
    "Passes",
    "PatternText",
    "Percent",
    "PositiveMilliseconds",
    "Sender",
    "StatusCode",
    "Stream",
    "TargetUri",
    "YesNo",
    "is_yes",
    "properties",
]

YesNo = bool | Literal["yes", "no"]
StatusCode = Annotated[
    int, Meta(description="a SIP status code", extra_json_schema={"minimum": 100, "maximum": 699})
]
Answerer = Annotated[Literal["human", "machine"], Meta(description="a human or an answering machine")]
Milliseconds = Annotated[float, Meta(ge=0, description="milliseconds since the INVITE")]
DigitMilliseconds = Annotated[float, Meta(gt=0, description="milliseconds")]
JitterMilliseconds = Annotated[float, Meta(ge=0, description="milliseconds")]
Percent = Annotated[float, Meta(ge=0, le=100, description="per cent")]
Mos = Annotated[float, Meta(ge=1, le=5, description="mean opinion score, 1 to 5")]
Count = Annotated[int, Meta(ge=1)]
PatternText = Annotated[str, Meta(description="a regular expression that is searched for")]
TargetUri = Annotated[str, Meta(description="a SIP URI")]
AudioSource = Annotated[str, Meta(description="an audio file, or a signal such as speech:2")]
PositiveMilliseconds = Annotated[float, Meta(gt=0, description="milliseconds")]
Decibels = Annotated[float, Meta(ge=0, description="dB")]
Passes = Annotated[int, Meta(ge=1, le=2)]
MarkerNumber = Annotated[int, Meta(ge=0, le=65535)]
MessageSelection = Annotated[str, Meta(pattern=KIND_PATTERN)]
"""A method (INVITE), a status code (183), or both (200 BYE)."""
Sender = Literal["remote", "local"]


def is_yes(value: YesNo) -> bool:
    """Whether a value is ``true`` or ``yes``, which YAML 1.2 reads as text."""
    return value in {True, "yes"}


class Level(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the active speech level (ITU-T P.56) of a recording."""

    at_least: float | None = None
    """Lowest level in dBFS; 0 dBFS is a full-scale sine."""
    at_most: float | None = None
    """Highest level in dBFS; 0 dBFS is a full-scale sine."""

    def __post_init__(self) -> None:
        """Require at least one limit."""
        if self.at_least is None and self.at_most is None:
            raise SettingError("at_least", "a level needs at_least, at_most, or both")


class Mailbox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Message counts of the latest MWI NOTIFY (RFC 3842); without counts, new messages are waiting."""

    new: Annotated[int, Meta(ge=0)] | None = None
    """Number of new voice messages."""
    old: Annotated[int, Meta(ge=0)] | None = None
    """Number of old voice messages."""


class Stream(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Negotiated parameters of the audio stream that this endpoint sends."""

    ptime_ms: int | None = None
    """Duration of the audio in one packet, in ms."""
    payload_type: int | None = None
    """Payload type of the codec, from the peer's SDP."""
    telephone_event: int | None = None
    """Payload type of telephone-events (RFC 4733), from the peer's SDP; 0: no telephone-events."""
    rtcp_mux: YesNo | None = None
    """Whether RTP and RTCP share a port (RFC 5761)."""
    channels: int | None = None
    """Number of audio channels."""

    def __post_init__(self) -> None:
        """Require at least one parameter."""
        if all(getattr(self, name) is None for name in self.__struct_fields__):
            raise SettingError(
                "ptime_ms", "a stream needs at least one of " + ", ".join(self.__struct_fields__)
            )


def properties(value: msgspec.Struct) -> list[dict[str, Any]]:
    """The fields of a structured value as the arguments of one call."""
    return [
        {
            name: is_yes(one) if one in ("yes", "no") else one
            for name, one in msgspec.structs.asdict(value).items()
        }
    ]
