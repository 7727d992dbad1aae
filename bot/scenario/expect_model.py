"""Data model of the ``expect`` step; ``bot.scenario.expect_step`` evaluates it.

The docstrings of the fields are the descriptions in the JSON Schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bot.config import SettingError
from bot.expectations import Definition, StatusCode
from bot.scenario.expect_keys import DEFINED, OF_RECORDING, fields
from bot.scenario.types import (
    CallName,
    Options,
    Seconds,
    YesNo,
    checked_code,
    is_yes,
    several,
)

__all__ = ["Expect"]

Calls = CallName | list[CallName]

if TYPE_CHECKING:
    Defined = Options
else:
    Defined = msgspec.defstruct(
        "Defined", fields(), bases=(Options,), frozen=True, kw_only=True, forbid_unknown_fields=True
    )


class Expect(Defined, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Expectations of a call (``on``) or of a recording; all of them must hold before the step's deadline."""

    on: Calls | None = None
    """Call or list of calls; every call must meet the expectations."""
    recording: str | None = None
    """Name of a recording."""
    soft: YesNo = False
    """Whether the scenario continues after a failure of this step, and fails at its end."""

    during: Seconds = 0.0
    """Seconds without the event that a key such as ``no_dtmf`` forbids; 0: only past events count."""

    def __post_init__(self) -> None:
        """Refuse an empty step, and keys that do not fit the subject."""
        if (self.on is None) is (self.recording is None):
            raise SettingError("on", "expected either on (a call) or recording (the name of a recording)")
        self._check_values()
        keys = self.expected_keys
        wrong = sorted(key for key in keys if (key in OF_RECORDING) is (self.recording is None))
        if wrong:
            subject = (
                "a recording: write recording: NAME" if self.recording is None else "a call: write on: NAME"
            )
            raise SettingError(wrong[0], f"is an expectation of {subject}")
        if not keys:
            subject = "recording" if self.on is None else "on"
            raise SettingError(subject, "no expectation; add state, codec, dtmf, matches ...")
        self._check_companions()

    @property
    def expected_keys(self) -> list[str]:
        """The keys with an expectation, in the order of their evaluation; a no comes last."""
        given = [key for key in KEY_ORDER if getattr(self, key) is not None]
        qualifying = {name for key in given for name in DEFINED[key].companions}
        keys = [key for key in given if key not in qualifying]
        positive = [key for key in keys if not self._is_negated(key)]
        return positive + [key for key in keys if self._is_negated(key) and DEFINED[key].negative]

    def value(self, key: str) -> Any:
        """The value of a key, with yes and no as True and False."""
        value = getattr(self, key)
        is_yes_or_no = key in DEFINED and DEFINED[key].is_yes_or_no
        return is_yes(value) if is_yes_or_no and value is not None else value

    def companions(self, definition: Definition) -> dict[str, Any]:
        """The values of the companion keys of a definition."""
        values = {name: getattr(self, name) for name in definition.companions}
        return {
            name: is_yes(value) if definition.companions[name].value is bool and value is not None else value
            for name, value in values.items()
        }

    @property
    def subjects(self) -> list[str]:
        """The names of the calls."""
        return several(self.on) if self.on is not None else []

    def _is_negated(self, key: str) -> bool:
        """Whether the value of a yes/no key is no; 0 and the text of a pattern are not a no."""
        value = getattr(self, key)
        return DEFINED[key].is_yes_or_no and value is not None and not is_yes(value)

    def _check_values(self) -> None:
        for key in CODES:
            checked_code(key, getattr(self, key), 100, 699)
        for key in ("on", *DEFINED):
            if is_empty(getattr(self, key)):
                raise SettingError(key, "is empty; add a value, or leave the key out")
        for key in POSITIVE_ONLY:
            if self._is_negated(key):
                raise SettingError(key, "expected yes; leave the key out otherwise")

    def _check_companions(self) -> None:
        for key, needed in NEEDS.items():
            if getattr(self, key) is not None and not any(getattr(self, name) is not None for name in needed):
                raise SettingError(key, f"needs the key {' or '.join(needed)} in the same step")
        if self.during and not set(ABSENCE_KEYS) & set(self.expected_keys):
            raise SettingError(
                "during", f"needs one of these keys in the same step: {', '.join(ABSENCE_KEYS)}"
            )
        state, code, by = (getattr(self, key) for key in ("state", "code", "by"))
        if state not in (None, "disconnected") and (code or by):
            raise SettingError("code" if code else "by", "needs state: disconnected")
        if self.value("suite") is not None and self._is_negated("encrypted"):
            raise SettingError("suite", "contradicts encrypted: no")


ABSENCE_KEYS = tuple(key for key, definition in DEFINED.items() if definition.is_absence)
"""Keys that forbid an event."""
POSITIVE_ONLY = tuple(
    key
    for key, definition in DEFINED.items()
    if definition.is_yes_or_no and not definition.negative and not definition.is_absence
)
"""Yes/no keys without a negative expectation."""
CODES = tuple(key for key, definition in DEFINED.items() if definition.value == StatusCode)
KEY_ORDER = tuple(sorted(DEFINED, key=lambda key: (key in OF_RECORDING, key in ABSENCE_KEYS)))
NEEDS = {
    name: tuple(key for key, definition in DEFINED.items() if name in definition.companions)
    for definition in DEFINED.values()
    for name in definition.companions
    if name not in DEFINED
}
"""Companion keys, with the keys of which each needs one."""


def is_empty(value: object) -> bool:
    """Whether a value is an empty list or mapping, or contains an empty list or mapping."""
    if isinstance(value, dict):
        return is_empty(list(value.values()))
    return isinstance(value, list) and (not value or any(map(is_empty, value)))
