"""Types of the values in scenario files, with their limits and their descriptions in the JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.config import SettingError
from bot.expectations import PatternText, StatusCode, YesNo, is_yes

__all__ = [
    "SOUNDS",
    "CallName",
    "Code",
    "FinalCode",
    "Headers",
    "Name",
    "Options",
    "Party",
    "Pattern",
    "Seconds",
    "Several",
    "Sound",
    "YesNo",
    "checked_code",
    "is_yes",
    "named",
    "several",
]

Seconds = Annotated[float, Meta(ge=0, description="Time in seconds.")]
Code = StatusCode
Pattern = PatternText
FinalCode = Code | Literal["any"]
"""Expected status code of a final response, or ``any``; without it, the step expects 2xx."""
Name = Annotated[str, Meta(description="New name, for use in later steps.", pattern=r"^[A-Za-z0-9_-]+$")]
Party = Annotated[str, Meta(description="Name of an endpoint, or a SIP URI.")]
CallName = Annotated[
    str,
    Meta(description="Name of an endpoint (its newest call), or ENDPOINT.CALL with a name from 'as'."),
]
Headers = Annotated[
    dict[str, str | list[str]],
    Meta(description="SIP header fields by name; a list repeats the header field."),
]
SOUNDS = ("speech.wav", "speech:2", "tone:440:1", "dtmf:159#")
Sound = Annotated[
    str,
    Meta(
        description="Audio file, relative to the scenario, or signal such as speech:2,silence:0.5,marker:17.",
        examples=list(SOUNDS),
    ),
]
CallNames = CallName | list[CallName]
Several = str | list[str]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of the steps, with the keys that every step has."""

    timeout: Seconds | None = None
    """Deadline of the step in seconds; default: ``timeout`` of the scenario."""


def several(value: Several) -> list[str]:
    """The values as a list; a single value becomes a list of one element."""
    return [value] if isinstance(value, str) else value


def named(value: Several | dict[str, str]) -> list[str]:
    """The names in a single value, in a list, or in the keys of a mapping."""
    return list(value) if isinstance(value, dict) else several(value)


def checked_code(key: str, code: int | None, low: int, high: int) -> None:
    """Raise SettingError for a status code outside of ``low`` to ``high``."""
    if code is not None and not low <= code <= high:
        raise SettingError(key, f"expected a SIP status code from {low} to {high}, got {code}")
