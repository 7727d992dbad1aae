"""The kinds of value that the keys of a scenario have, with what editors say of them; no steps."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.config import SettingError

__all__ = [
    "CallName",
    "Code",
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

Seconds = Annotated[float, Meta(ge=0, description="seconds")]
YesNo = bool | Literal["yes", "no"]
Code = Annotated[
    int, Meta(description="a SIP status code", extra_json_schema={"minimum": 100, "maximum": 699})
]
Name = Annotated[str, Meta(description="a name of your choice, for later steps", pattern=r"^[A-Za-z0-9_-]+$")]
Party = Annotated[str, Meta(description="the name of an endpoint, or a SIP URI")]
CallName = Annotated[
    str,
    Meta(description="an endpoint's name: its newest call; or ENDPOINT.CALL, a call named by 'as'"),
]
Pattern = Annotated[str, Meta(description="a regular expression that is searched for")]
Headers = Annotated[
    dict[str, str | list[str]], Meta(description="SIP header fields by name; a list is several of one name")
]
Sound = Annotated[
    str,
    Meta(
        description="an audio file beside the scenario, or a signal such as speech:2,silence:0.5,marker:17",
        examples=["speech.wav", "speech:2", "tone:440:1", "dtmf:159#"],
    ),
]
CallNames = CallName | list[CallName]
Several = str | list[str]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every step has."""

    timeout: Seconds | None = None
    """The step's deadline; the scenario's ``timeout`` when it is not given."""


def is_yes(value: YesNo) -> bool:
    """YAML 1.2 reads yes and no as text."""
    return value in {True, "yes"}


def several(value: Several) -> list[str]:
    """One or a list as a list."""
    return [value] if isinstance(value, str) else value


def named(value: Several | dict[str, str]) -> list[str]:
    """The names, whether something is said of each or not."""
    return list(value) if isinstance(value, dict) else several(value)


def checked_code(key: str, code: int | None, low: int, high: int) -> None:
    """Refuse what is no status code that could stand there."""
    if code is not None and not low <= code <= high:
        raise SettingError(key, f"expected a SIP status code from {low} to {high}, got {code}")
